package store

import (
	"context"
	"fmt"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
)

// The reasons why the requests of a directory are not served: scim.Error.Reason.
const (
	ReasonSwitchedOff        = "switched-off"        // 403: the directory's switch is Disabled
	ReasonNoDirectory        = "no-directory"        // 403: the namespace has no CloudSSODirectory
	ReasonAwaitingActivation = "awaiting-activation" // 503: the directory is not activated
	ReasonNotSelected        = "not-selected"        // 403: the cluster's administrator has not selected the namespace
	ReasonSelectionUnknown   = "selection-unknown"   // 503: the operator cannot read the labels of the namespace
)

const (
	// activationRetryAfter is the Retry-After of a directory that waits for the operator, which takes milliseconds.
	activationRetryAfter = time.Second
	// restoreRetryAfter is the Retry-After of a restored directory, which waits for a person.
	restoreRetryAfter = time.Minute
)

// Refusal returns why the requests of a namespace are not served; nil if they are. d is the namespace's directory, or nil if
// there is none.
func Refusal(namespace string, d *v1alpha1.CloudSSODirectory, selection policy.Selection) *scim.Error {
	switch policy.SwitchOf(d).In(selection) {
	case policy.SwitchEnabled:
		return nil
	case policy.SwitchAwaitingActivation:
		return awaitingActivation(namespace, d)
	case policy.SwitchDisabled:
		return &scim.Error{Status: http.StatusForbidden, Reason: ReasonSwitchedOff, Detail: fmt.Sprintf(
			"SCIM synchronization is Disabled for the directory %q; nothing was changed. To switch it on: "+
				`kubectl -n %s patch cloudssodirectory default --type=merge -p '{"spec":{"scimSynchronization":"Enabled","resumeAt":null}}'`, namespace, namespace)}
	case policy.SwitchNotSelected:
		return &scim.Error{Status: http.StatusForbidden, Reason: ReasonNotSelected, Detail: fmt.Sprintf(
			"namespace %q is not selected for a directory of this cluster; nothing was changed. Ask the administrator of the cluster to select it", namespace)}
	case policy.SwitchSelectionUnknown:
		return &scim.Error{Status: http.StatusServiceUnavailable, Reason: ReasonSelectionUnknown, RetryAfter: retryAfter, Detail: fmt.Sprintf(
			"it is not known whether namespace %q is selected for a directory; try again. If this lasts, see the condition NamespaceSelected of its CloudSSODirectory", namespace)}
	case policy.SwitchAbsent:
	}
	return &scim.Error{Status: http.StatusForbidden, Reason: ReasonNoDirectory, Detail: fmt.Sprintf(
		"namespace %q has no CloudSSODirectory, so nothing is synchronized; nothing was changed. To declare one: "+
			`echo '{"apiVersion":"cloudsso.dev/v1alpha1","kind":"CloudSSODirectory","metadata":{"name":"default"},"spec":{"scimSynchronization":"Enabled"}}' | kubectl -n %s apply -f -`, namespace, namespace)}
}

func awaitingActivation(namespace string, d *v1alpha1.CloudSSODirectory) *scim.Error {
	if policy.MayActivate(d) {
		return &scim.Error{Status: http.StatusServiceUnavailable, Reason: ReasonAwaitingActivation, RetryAfter: activationRetryAfter, Detail: fmt.Sprintf(
			"the directory %q is about to be activated; try again. If this lasts, check that the operator runs", namespace)}
	}
	return &scim.Error{Status: http.StatusServiceUnavailable, Reason: ReasonAwaitingActivation, RetryAfter: restoreRetryAfter, Detail: fmt.Sprintf(
		"the directory %q was restored from a backup and is not activated; nothing was changed. When the restore is complete: "+
			"%s. Then try again", namespace, policy.ActivateCommand(d))}
}

// Refusal returns why the requests of a namespace are not served, as the cache has its directory; nil if they are.
func (s *Store) Refusal(namespace string) *scim.Error {
	return Refusal(namespace, s.directory(namespace), s.selectionOf(namespace))
}

func (s *Store) selectionOf(namespace string) policy.Selection {
	if s.Selection == nil {
		return policy.NamespaceSelected
	}
	return s.Selection(namespace)
}

// checkSwitch returns an error if the requests of a namespace are not served. The directory is read live.
func (s *Store) checkSwitch(ctx context.Context, namespace string) error {
	d := &v1alpha1.CloudSSODirectory{}
	err := s.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: v1alpha1.DirectoryName}, d)
	switch {
	case apierrors.IsNotFound(err):
		d = nil
	case err != nil:
		return toSCIMError(err)
	}
	if refusal := Refusal(namespace, d, s.selectionOf(namespace)); refusal != nil {
		return refusal
	}
	return nil
}
