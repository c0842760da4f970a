package plugin

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// facts is what advice is based on.
type facts struct {
	directory   *v1alpha1.CloudSSODirectory
	credentials []v1alpha1.SCIMCredential
	now         time.Time
}

// Advise returns what to do next, the most urgent first. It is never empty.
func Advise(d *v1alpha1.CloudSSODirectory, credentials []v1alpha1.SCIMCredential, now time.Time) (next []string) {
	f := facts{d, credentials, now}
	for _, rule := range []func(facts) []string{
		policiesMissing, notSelected, notActivated, withheld, writesRefused, noCredential, credentialsEnding, switchOff, neverUsed,
	} {
		next = append(next, rule(f)...)
	}
	if len(next) == 0 {
		return []string{"Nothing has to be done."}
	}
	return next
}

func (f facts) has(condition string, status metav1.ConditionStatus) bool {
	return meta.IsStatusConditionPresentAndEqual(f.directory.Status.Conditions, condition, status)
}

// command returns a command of this plugin for the directory.
func (f facts) command(arguments string) string {
	return "kubectl cloudsso " + arguments + " -n " + f.directory.Namespace
}

func when(holds bool, format string, arguments ...any) []string {
	if !holds {
		return nil
	}
	return []string{fmt.Sprintf(format, arguments...)}
}

func policiesMissing(f facts) []string {
	return when(f.has(v1alpha1.ConditionPoliciesInstalled, metav1.ConditionFalse),
		"The admission policies that protect synchronized objects are not in place. Ask the cluster's administrator to install them: kubectl apply -k config/policy, in the namespace of the operator.")
}

func notSelected(f facts) []string {
	return when(f.has(v1alpha1.ConditionNamespaceSelected, metav1.ConditionFalse),
		"The namespace is not selected as a directory, so no SCIM request is served. Ask the cluster's administrator for the labels of --directory-namespace-selector.")
}

func notActivated(f facts) []string {
	return when(f.has(v1alpha1.ConditionActivated, metav1.ConditionFalse),
		"The directory was restored from a backup and waits for its activation. When all objects are there, follow docs/restore.md.")
}

func withheld(f facts) []string {
	users := f.directory.Status.Users
	if users == nil || users.Withheld == 0 {
		return nil
	}
	return when(true, "%d deactivations exceed the disablement budget and wait for a decision. Look at the users (kubectl cloudsso users -n %s -o wide), then decide as docs/budget.md says.",
		users.Withheld, f.directory.Namespace)
}

func writesRefused(f facts) []string {
	return when(f.has(v1alpha1.ConditionResyncNeeded, metav1.ConditionTrue),
		"Writes of the identity provider were refused, and it does not repeat them. Start a full push there. When it has succeeded: %s", f.command("resync"))
}

func noCredential(f facts) []string {
	for i := range f.credentials {
		if policy.CredentialUsable(&f.credentials[i], f.now) {
			return nil
		}
	}
	return when(true, "No credential is usable, so the identity provider cannot connect. Create one: %s", f.command("credential create NAME"))
}

func credentialsEnding(f facts) (next []string) {
	for i := range f.credentials {
		c := &f.credentials[i]
		expiry := policy.CredentialExpiry(c)
		if !policy.CredentialUsable(c, f.now) || !policy.CredentialExpiring(expiry, f.now) {
			continue
		}
		next = append(next, fmt.Sprintf("Credential %s expires at %s. Replace it: %s", c.Name, expiry.UTC().Format(time.RFC3339), f.command("credential rotate "+c.Name)))
	}
	return next
}

func switchOff(f facts) []string {
	return when(f.directory.Spec.SCIMSynchronization != v1alpha1.SynchronizationEnabled,
		"Synchronization is Disabled: requests of the identity provider are refused, and synchronized objects can be changed by hand. When that is done: %s", f.command("sync enable"))
}

func neverUsed(f facts) []string {
	d := f.directory
	return when(d.Spec.SCIMSynchronization == v1alpha1.SynchronizationEnabled && d.Status.LastRequestTime.IsZero(),
		"No identity provider has connected yet. Enter the endpoint and a token there, then: %s", f.command("check"))
}
