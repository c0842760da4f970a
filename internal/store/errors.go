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
	var overtaken *nameclaim.OvertakenError
	switch {
	case err == nil, errors.Is(err, errStale), errors.As(err, &answered):
		return err
	case errors.As(err, &taken):
		return scim.Conflict("%s is already that of %s %q", taken.Name.Attribute(), taken.Name.ResourceType(), taken.Holder.GetName())
	case errors.As(err, &pending):
		return unavailable(err, "another request is about to take this %s, or has just failed to; try again", pending.Name.Attribute())
	case policyNotReady(err):
		return unavailable(err, "the cluster's API server has just started and cannot evaluate its admission policies yet; try again in half a minute")
	case errors.As(err, &overtaken), apierrors.IsConflict(err), apierrors.IsAlreadyExists(err): // a new object gets another id then
		return errStale
	case errors.Is(err, context.Canceled): // the client has hung up
		return err
	case isRetriable(err):
		return unreachable(err)
	}
	return refusal(err)
}

// refusal returns the answer for an error by which the API server has refused a request: nothing was stored.
func refusal(err error) error {
	switch {
	case apierrors.IsInvalid(err):
		return invalid(err)
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return &scim.Error{Status: http.StatusForbidden, Detail: "this directory is being deleted", Cause: err}
	case isQuotaUsedUp(err):
		return quotaUsedUp(err)
	case isRefusedByAdmission(err):
		return &scim.Error{Status: http.StatusForbidden, Detail: "the cluster refuses this: " + err.Error(), Cause: err}
	case isQuotaUncounted(err):
		return unavailable(err, "the cluster has not counted yet what a new ResourceQuota of this directory limits; try again")
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err): // an API server that has just started refuses for some seconds
		return unavailable(fmt.Errorf("the API server refuses the operator; if that lasts, see config/rbac and config/policy: %w", err),
			"the cluster's API server does not permit the operator to do this, as in the seconds after its start; try again, and if that lasts, the cluster's administrator must restore the operator's rights")
	case apierrors.IsBadRequest(err):
		return fmt.Errorf("the API server refuses the operator: %w", err)
	case apierrors.IsRequestEntityTooLargeError(err), isTooLargeForEtcd(err):
		return &scim.Error{Status: http.StatusRequestEntityTooLarge, Detail: "the resource is too large to be stored", Cause: err}
	}
	return unreachable(err)
}

// unavailable returns a 503 whose detail says what is wrong.
func unavailable(cause error, format string, args ...any) *scim.Error {
	e := scim.Unavailable(retryAfter, cause)
	e.Detail = fmt.Sprintf(format, args...)
	return e
}

// contended returns the 503 of a request that has got no turn at an object within its time.
func contended(namespace, id string, cause error) *scim.Error {
	return unavailable(fmt.Errorf("%s/%s: %w", namespace, id, cause), "too many requests change %s at the same time; try again", id)
}

// behind returns the 503 of a replica that does not show yet what is stored.
func behind(cause error) *scim.Error {
	return unavailable(cause, "this replica does not show yet what is stored; try again")
}

// disconnected returns the 503 of a replica that cannot tell how old its own state is.
func disconnected(cause error) *scim.Error {
	return unavailable(cause, "this replica has lost its connection to the cluster's API server; try again")
}

// unreachable returns the 503 of a request that the API server has not answered, or could not carry out.
func unreachable(cause error) *scim.Error {
	var status apierrors.APIStatus
	if !errors.As(cause, &status) {
		return unavailable(cause, "the cluster's API server cannot be reached; try again")
	}
	return unavailable(cause, "the cluster's API server is overloaded, or cannot reach its storage; try again")
}

// isRetriable reports whether a request has ended without an answer, or with one that says that the API server could not
// carry it out now.
func isRetriable(err error) bool {
	var status apierrors.APIStatus
	return !errors.As(err, &status) || apierrors.IsTooManyRequests(err) ||
		status.Status().Code >= http.StatusInternalServerError && !isTooLargeForEtcd(err)
}

// quotaUsedUp returns the 507 of a ResourceQuota that is used up. A repetition is refused too until an administrator of the
// cluster raises the quota or objects are deleted, so there is no Retry-After (docs/scim.md, "Errors").
func quotaUsedUp(cause error) *scim.Error {
	return &scim.Error{
		Status: http.StatusInsufficientStorage,
		Detail: "a ResourceQuota of this directory's namespace is used up, and a repetition will be refused too; raise it, or delete objects that are not needed: " + cause.Error(),
		Cause:  cause,
	}
}

// The quota admission plugin has no reason or code of its own, only the wording of k8s.io/apiserver.
const (
	exceededQuota  = "exceeded quota"
	uncountedQuota = "status unknown for quota" // the quota is new, and no controller has counted what it limits
)

func isQuotaUsedUp(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), exceededQuota)
}

func isQuotaUncounted(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), uncountedQuota)
}

// isTooLargeForEtcd reports whether etcd refused an object for its size. The API server answers 500 then, with etcd's text.
func isTooLargeForEtcd(err error) bool {
	return strings.Contains(err.Error(), "etcdserver: request is too large")
}

// errOutcomeUnknown is in the chain of an error of patch if isOutcomeUnknown is true for it. The answer alone does not say: the
// 503 of an API server that refuses a request, for example, means that nothing was stored.
var errOutcomeUnknown = errors.New("the outcome of the write is unknown")

// isOutcomeUnknown reports whether the API server may have carried out the request that failed, or may do so later.
func isOutcomeUnknown(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return true
	}
	if isTooLargeForEtcd(err) {
		return false
	}
	return status.Status().Code >= http.StatusInternalServerError || apierrors.IsAlreadyExists(err)
}

// policyNotReady reports whether an admission policy could not be evaluated: for half a minute after an API server's
// start the guard refuses even the operator's own deletions. There is no reason or code for it, only the wording of
// k8s.io/apiserver.
func policyNotReady(err error) bool {
	return strings.Contains(err.Error(), "failed to configure binding") || strings.Contains(err.Error(), "failed to configure policy")
}

// isRefusedByAdmission reports whether a webhook or a policy of the cluster's administrators has refused a write, and would
// refuse it again. A webhook that gives no status makes it a 400. Any other 403 may pass: an API server that has
// just started refuses until it knows the roles, and the operator's own policies refuse until they name its account.
func isRefusedByAdmission(err error) bool {
	if !apierrors.IsForbidden(err) && !apierrors.IsBadRequest(err) {
		return false
	}
	message := err.Error()
	byWebhook := strings.Contains(message, "denied the request")
	byPolicy := strings.Contains(message, "denied request") && !ownPolicy.MatchString(message)
	return byWebhook || byPolicy
}

// ownPolicy matches the refusal of one of the operator's own policies, whose name may have a prefix (config/default).
var ownPolicy = regexp.MustCompile(`ValidatingAdmissionPolicy '[^']*cloudsso-(deletion-guard|lock|metadata|name-claims|source)'`)

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
			case cause.Field == "spec": // a rule on several attributes, which names them
				problems = append(problems, strings.TrimPrefix(explain(cause), "Invalid value: "))
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
