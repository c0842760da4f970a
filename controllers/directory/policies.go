package directory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/admissionpolicy"
)

// policyInterval is how often the leader reads the admission policies. They are not watched, because a shard may lack the
// right to, and an informer without it would keep the replica from becoming ready.
const policyInterval = 15 * time.Second

// installed is 1 for each required admission policy that is installed as required, and else 0. Only the leader reports it.
var installed = prometheus.NewGaugeVec(prometheus.GaugeOpts{
	Name: "cloudsso_admission_policy_installed",
	Help: "Whether a required ValidatingAdmissionPolicy and its binding are installed as required (1) or not (0). Absent if the operator may not read them.",
}, []string{"policy"})

func init() { metrics.Registry.MustRegister(installed) }

// policyCheck is a manager.Runnable that compares the cluster's admission policies with the required ones.
type policyCheck struct {
	reader   client.Reader // reads live
	writer   client.Writer
	username string // the operator's; "" until the first check
	// changed gets an event whenever the condition changes.
	changed   chan event.GenericEvent
	condition atomic.Pointer[metav1.Condition] // nil until the first check
}

func newPolicyCheck(reader client.Reader, writer client.Writer) *policyCheck {
	return &policyCheck{reader: reader, writer: writer, changed: make(chan event.GenericEvent)}
}

// Start implements manager.Runnable. It returns when the leadership is lost, and the metric is then absent.
func (c *policyCheck) Start(ctx context.Context) error {
	defer installed.Reset()
	wait.UntilWithContext(ctx, c.check, policyInterval)
	return nil
}

func (c *policyCheck) check(ctx context.Context) {
	condition, err := c.compare(ctx)
	if err != nil {
		log.FromContext(ctx).Error(err, "The admission policies could not be read; the condition PoliciesInstalled stays as it is.")
		return
	}
	if before := c.condition.Swap(condition); before != nil && *before == *condition {
		return
	}
	select {
	case c.changed <- event.GenericEvent{Object: &v1alpha1.CloudSSODirectory{}}:
	case <-ctx.Done():
	}
}

// compare returns the condition that every directory shows. Its error is one of an API server that cannot be read.
func (c *policyCheck) compare(ctx context.Context) (*metav1.Condition, error) {
	var policies admissionv1.ValidatingAdmissionPolicyList
	var bindings admissionv1.ValidatingAdmissionPolicyBindingList
	for _, list := range []client.ObjectList{&policies, &bindings} {
		err := c.reader.List(ctx, list)
		if apierrors.IsForbidden(err) {
			installed.Reset()
			return notPermitted("list validatingadmissionpolicies and validatingadmissionpolicybindings "+
				"(bind its service account to the ClusterRole cloudsso-operator-cluster-reader)", err), nil
		}
		if err != nil {
			return nil, err
		}
	}
	err := c.learnUsername(ctx)
	if apierrors.IsForbidden(err) {
		installed.Reset()
		return notPermitted("create selfsubjectreviews (the ClusterRole system:basic-user has it)", err), nil
	}
	if err != nil {
		return nil, err
	}
	required := admissionpolicy.Required()
	problems := required.Problems(admissionpolicy.Set{Policies: policies.Items, Bindings: bindings.Items}, c.username)
	for _, p := range required.Policies {
		value := 1.0
		if slices.ContainsFunc(problems, func(problem admissionpolicy.Problem) bool { return problem.Policy == p.Name }) {
			value = 0
		}
		installed.WithLabelValues(p.Name).Set(value)
	}
	return policiesInstalled(problems), nil
}

// learnUsername asks the API server for the name that it knows the operator by, which every account may ask for.
func (c *policyCheck) learnUsername(ctx context.Context) error {
	if c.username != "" {
		return nil
	}
	var review authenticationv1.SelfSubjectReview
	if err := c.writer.Create(ctx, &review, client.DisableReadYourWritesConsistency); err != nil {
		return fmt.Errorf("asking for the operator's own user name: %w", err)
	}
	c.username = review.Status.UserInfo.Username
	return nil
}

func policiesInstalled(problems []admissionpolicy.Problem) *metav1.Condition {
	if len(problems) == 0 {
		return &metav1.Condition{
			Type: v1alpha1.ConditionPoliciesInstalled, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonPoliciesInstalled,
			Message: "the admission policies are installed as required",
		}
	}
	var all []string
	for _, p := range problems {
		all = append(all, p.String())
	}
	return &metav1.Condition{
		Type: v1alpha1.ConditionPoliciesInstalled, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonPolicyMissing,
		Message: fmt.Sprintf("synchronized users and groups are not protected as they should be: ValidatingAdmissionPolicy %s; "+
			admissionpolicy.Remedy, strings.Join(all, ", ")),
	}
}

func notPermitted(right string, err error) *metav1.Condition {
	return &metav1.Condition{
		Type: v1alpha1.ConditionPoliciesInstalled, Status: metav1.ConditionUnknown, Reason: v1alpha1.ReasonNotPermitted,
		Message: fmt.Sprintf("the operator lacks the right to %s: %v", right, err),
	}
}
