package store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// toSCIMError returns the answer that an identity provider is given for an error: errStale if the next attempt may
// succeed, else a *scim.Error or an error whose cause goes to the log.
func toSCIMError(err error) error {
	var answered *scim.Error
	var taken *nameclaim.TakenError
	var pending *nameclaim.PendingError
	switch {
	case err == nil, errors.Is(err, errStale), errors.As(err, &answered):
		return err
	case errors.As(err, &taken):
		return scim.Conflict("%s is already that of %s %q", taken.Name.Attribute(), taken.Name.ResourceType(), taken.Holder.GetName())
	case errors.As(err, &pending):
		return &scim.Error{
			Status:     http.StatusServiceUnavailable,
			Detail:     fmt.Sprintf("another request is about to take this %s, or has just failed to; try again", pending.Name.Attribute()),
			RetryAfter: retryAfter,
			Cause:      err,
		}
	case policyNotReady(err):
		return scim.Unavailable(retryAfter, err)
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err): // a new object gets another id then
		return errStale
	case apierrors.IsInvalid(err):
		return invalid(err)
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return &scim.Error{Status: http.StatusForbidden, Detail: "this directory is being deleted", Cause: err}
	case isRefusedByAdmission(err):
		return &scim.Error{Status: http.StatusForbidden, Detail: "the cluster refuses this: " + err.Error(), Cause: err}
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err): // an API server that has just started refuses for some seconds
		return scim.Unavailable(retryAfter, fmt.Errorf("the API server refuses the operator; if that lasts, see config/rbac and config/policy: %w", err))
	case apierrors.IsBadRequest(err):
		return fmt.Errorf("the API server refuses the operator: %w", err)
	case apierrors.IsRequestEntityTooLargeError(err), isTooLargeForEtcd(err):
		return &scim.Error{Status: http.StatusRequestEntityTooLarge, Detail: "the resource is too large to be stored", Cause: err}
	case errors.Is(err, context.Canceled): // the client has hung up
		return err
	}
	return scim.Unavailable(retryAfter, err)
}

// isTooLargeForEtcd reports whether etcd refused an object for its size. The API server answers 500 then, with etcd's text.
func isTooLargeForEtcd(err error) bool {
	return strings.Contains(err.Error(), "etcdserver: request is too large")
}

// isOutcomeUnknown reports whether the API server may have carried out the request that failed, or may do so later.
func isOutcomeUnknown(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return true
	}
	return status.Status().Code >= http.StatusInternalServerError || apierrors.IsAlreadyExists(err)
}

// policyNotReady reports whether an admission policy could not be evaluated: for half a minute after an API server's
// start the guard refuses even the operator's own deletions. There is no reason or code for it, only the wording of
// k8s.io/apiserver.
func policyNotReady(err error) bool {
	return strings.Contains(err.Error(), "failed to configure binding") || strings.Contains(err.Error(), "failed to configure policy")
}

// isRefusedByAdmission reports whether a webhook, a policy or a quota of the cluster's administrators has refused a write,
// and would refuse it again. A webhook that gives no status makes it a 400. Any other 403 may pass: an API server that has
// just started refuses until it knows the roles, and the operator's own policies refuse until they name its account.
func isRefusedByAdmission(err error) bool {
	if !apierrors.IsForbidden(err) && !apierrors.IsBadRequest(err) {
		return false
	}
	message := err.Error()
	byWebhook, byQuota := strings.Contains(message, "denied the request"), strings.Contains(message, "exceeded quota")
	byPolicy := strings.Contains(message, "denied request") && !ownPolicy.MatchString(message)
	return byWebhook || byQuota || byPolicy
}

// ownPolicy matches the refusal of one of the operator's own policies, whose name may have a prefix (config/default).
var ownPolicy = regexp.MustCompile(`ValidatingAdmissionPolicy '[^']*cloudsso-(deletion-guard|lock|name-claims|source)'`)

// invalid returns the 400 that names the attributes that the resource's own validation refused, or why an admission webhook
// or policy of the cluster refused it, which names none.
func invalid(err error) error {
	var status apierrors.APIStatus
	var problems []string
	if errors.As(err, &status) && status.Status().Details != nil {
		refused := status.Status().Details
		for _, cause := range refused.Causes {
			switch {
			case cause.Field == "", cause.Field == notAField:
			case refused.Kind == claimKind && cause.Field == "spec.name":
				problems = append(problems, fmt.Sprintf("%s: Too long: may not be more than %d characters", claimedAttribute(refused.Name), nameLength))
			default:
				problems = append(problems, strings.TrimPrefix(cause.Field, "spec.")+": "+explain(cause))
			}
		}
	}
	if len(problems) == 0 {
		problems = append(problems, err.Error())
	}
	return scim.BadRequest(scim.InvalidValue, "%s", strings.Join(problems, "; "))
}

// notAField is the field of the cause that says that rules were not checked because of the other causes.
const notAField = "<nil>"

// claimKind is the kind of a claim, which is written before the object that has the name.
const claimKind = "CloudSSONameClaim"

// nameLength is the largest number of characters of a userName, and of a group's displayName. The bound of a claim is that
// of the longest folded name.
const nameLength = 256

// claimedAttribute returns the attribute whose value a claim of that metadata.name claims.
func claimedAttribute(claim string) string {
	if strings.HasPrefix(claim, "group-") {
		return schema.GroupDisplayName.Name
	}
	return schema.UserName.Name
}

// explain returns what is wrong with a field. The API server counts the characters of a string, and calls them bytes.
func explain(cause metav1.StatusCause) string {
	if cause.Type == metav1.CauseType(field.ErrorTypeTooLong) {
		return strings.ReplaceAll(cause.Message, " bytes", " characters")
	}
	return cause.Message
}
