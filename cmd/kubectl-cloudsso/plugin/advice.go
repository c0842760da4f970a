package plugin

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// Topic is what an advice is about.
type Topic string

// The topics of advice.
const (
	TopicNothing      Topic = "Nothing" // nothing has to be done
	TopicPolicies     Topic = "Policies"
	TopicSelection    Topic = "Selection"
	TopicActivation   Topic = "Activation"
	TopicWithheld     Topic = "Withheld"
	TopicResync       Topic = "Resync"
	TopicNoCredential Topic = "NoCredential"
	TopicDisabled     Topic = "Disabled" // no credential is usable, and Credential is disabled
	TopicExpiry       Topic = "Expiry"
	TopicSwitch       Topic = "Switch"
	TopicNeverUsed    Topic = "NeverUsed"
	TopicRestored     Topic = "Restored"
	TopicSilent       Topic = "Silent"
)

// Advice is one thing to do.
type Advice struct {
	Topic Topic
	// Credential is the metadata.name of the credential that it is about; "" if it is about none.
	Credential string
	// Why says what the state is and what follows from it, and How how to change it at a terminal.
	Why, How string
}

// String returns the advice for a terminal.
func (a Advice) String() string { return JoinNonEmpty(" ", a.Why, a.How) }

// Sentences returns advice for a terminal.
func Sentences(all []Advice) []string {
	sentences := make([]string, len(all))
	for i, a := range all {
		sentences[i] = a.String()
	}
	return sentences
}

// facts is what advice is based on.
type facts struct {
	directory   *v1alpha1.CloudSSODirectory
	credentials []v1alpha1.SCIMCredential
	now         time.Time
}

// Advise returns what to do next, the most urgent first. It is never empty.
func Advise(d *v1alpha1.CloudSSODirectory, credentials []v1alpha1.SCIMCredential, now time.Time) (next []Advice) {
	f := facts{d, credentials, now}
	for _, rule := range []func(facts) []Advice{
		policiesMissing, notSelected, notActivated, withheld, writesRefused, noCredential, credentialsEnding, switchOff, neverUsed, restored, silent,
	} {
		next = append(next, rule(f)...)
	}
	if len(next) == 0 {
		return []Advice{{Topic: TopicNothing, Why: "Nothing has to be done."}}
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

func when(holds bool, advice Advice) []Advice {
	if !holds {
		return nil
	}
	return []Advice{advice}
}

func policiesMissing(f facts) []Advice {
	return when(f.has(v1alpha1.ConditionPoliciesInstalled, metav1.ConditionFalse), Advice{
		Topic: TopicPolicies, Why: "The admission policies that protect synchronized objects are not in place.",
		How: "Ask the cluster's administrator to repair the installation of the operator: docs/install.md, \"Repair\".",
	})
}

func notSelected(f facts) []Advice {
	return when(f.has(v1alpha1.ConditionNamespaceSelected, metav1.ConditionFalse), Advice{
		Topic: TopicSelection, Why: "The namespace is not selected as a directory, so no SCIM request is served.",
		How: "Ask the cluster's administrator for the labels of --directory-namespace-selector.",
	})
}

func notActivated(f facts) []Advice {
	return when(f.has(v1alpha1.ConditionActivated, metav1.ConditionFalse), Advice{
		Topic: TopicActivation, Why: "The directory was restored from a backup and waits for its activation.",
		How: "When all objects are there, follow docs/restore.md.",
	})
}

func withheld(f facts) []Advice {
	users := f.directory.Status.Users
	if users == nil || users.Withheld == 0 {
		return nil
	}
	return []Advice{{
		Topic: TopicWithheld, Why: fmt.Sprintf("Deactivations that exceed the disablement budget and wait for a decision: %d.", users.Withheld),
		How: fmt.Sprintf("Look at the users (kubectl cloudsso users -n %s -o wide), then decide as docs/budget.md says.", f.directory.Namespace),
	}}
}

func writesRefused(f facts) []Advice {
	// A push that was just acknowledged is not in the condition yet.
	missed := policy.MissedWrites(f.directory, f.now) != nil
	return when(missed && f.has(v1alpha1.ConditionResyncNeeded, metav1.ConditionTrue), Advice{
		Topic: TopicResync, Why: "Writes of the identity provider were refused, and it does not repeat them. Start a full push there.",
		How: "When it has succeeded: " + f.command("resync"),
	})
}

func noCredential(f facts) []Advice {
	var disabled *v1alpha1.SCIMCredential
	for i := range f.credentials {
		c := &f.credentials[i]
		switch {
		case policy.CredentialUsable(c, f.now):
			return nil
		case policy.CredentialUseOf(c).Refusal(f.now) == policy.CredentialDisabled && !policy.CredentialExpired(policy.CredentialExpiry(c), f.now):
			disabled = c
		}
	}
	if disabled != nil {
		return []Advice{{
			Topic: TopicDisabled, Credential: disabled.Name,
			Why: fmt.Sprintf("No credential is usable, so the identity provider cannot connect: %s is disabled.", disabled.Name),
			How: fmt.Sprintf(`Enable it: kubectl -n %s patch scimcredential %s --type=merge -p '{"spec":{"disabled":false}}'. Or create another: %s`,
				f.directory.Namespace, disabled.Name, f.command("credential create NAME")),
		}}
	}
	return []Advice{{
		Topic: TopicNoCredential, Why: "No credential is usable, so the identity provider cannot connect.",
		How: "Create one: " + f.command("credential create NAME"),
	}}
}

func credentialsEnding(f facts) (next []Advice) {
	for i := range f.credentials {
		c := &f.credentials[i]
		expiry := policy.CredentialExpiry(c)
		if !policy.CredentialUsable(c, f.now) || !policy.CredentialExpiring(expiry, f.now) {
			continue
		}
		next = append(next, Advice{
			Topic: TopicExpiry, Credential: c.Name,
			Why: fmt.Sprintf("Credential %s expires at %s.", c.Name, expiry.UTC().Format(time.RFC3339)),
			How: "Replace it: " + f.command("credential rotate "+c.Name),
		})
	}
	return next
}

func switchOff(f facts) []Advice {
	return when(f.directory.Spec.SCIMSynchronization != v1alpha1.SynchronizationEnabled, Advice{
		Topic: TopicSwitch, Why: "Synchronization is Disabled: requests of the identity provider are refused, and synchronized objects can be changed by hand.",
		How: "When that is done: " + f.command("sync enable"),
	})
}

// neverUsed is silent about a restored directory: its provider has the endpoint and a token from before.
func neverUsed(f facts) []Advice {
	d := f.directory
	return when(d.Spec.SCIMSynchronization == v1alpha1.SynchronizationEnabled && d.Status.LastRequestTime.IsZero() && !policy.IsRestored(d), Advice{
		Topic: TopicNeverUsed, Why: "No identity provider has connected yet. Enter the endpoint and a token there.",
		How: "Then: " + f.command("check"),
	})
}

// restored reminds of what follows an activation, until a request comes: then the provider may have begun.
func restored(f facts) []Advice {
	d := f.directory
	return when(policy.SwitchOf(d) == policy.SwitchEnabled && d.Status.LastRequestTime.IsZero() && policy.IsRestored(d), Advice{
		Topic: TopicRestored, Why: "The directory was restored from a backup, and no request has come since. Start a full push in the identity provider, which makes up for what changed after the backup.",
	})
}

func silent(f facts) []Advice {
	if ConnectionOf(f.directory, f.now) != ConnectionSilent {
		return nil
	}
	return []Advice{{
		Topic: TopicSilent, Why: fmt.Sprintf("The identity provider has sent no request with a valid token since %s. Look there whether it reports errors.",
			f.directory.Status.LastRequestTime.UTC().Format(time.RFC3339)),
		How: "What was refused: " + f.command("log"),
	}}
}
