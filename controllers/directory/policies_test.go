package directory

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/admissionpolicy"
)

// clusterWithPolicies returns a client of the operator with that user name, in a cluster with the policies of
// config/policy.
func clusterWithPolicies(t *testing.T, username string) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	required := admissionpolicy.Required()
	return fake.NewClientBuilder().WithScheme(scheme).WithLists(
		&admissionv1.ValidatingAdmissionPolicyList{Items: slices.Clone(required.Policies)},
		&admissionv1.ValidatingAdmissionPolicyBindingList{Items: slices.Clone(required.Bindings)},
	).WithInterceptorFuncs(interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if review, ok := o.(*authenticationv1.SelfSubjectReview); ok {
				review.Status.UserInfo.Username = username
				return nil
			}
			return c.Create(ctx, o, opts...)
		},
	}).Build()
}

func reportedPolicies() int {
	metrics := make(chan prometheus.Metric, 100)
	installed.Collect(metrics)
	return len(metrics)
}

func TestPoliciesMustNameTheOperator(t *testing.T) {
	for username, want := range map[string]string{
		"system:serviceaccount:cloudsso-system:cloudsso-operator": v1alpha1.ReasonPoliciesInstalled,
		"system:serviceaccount:elsewhere:cloudsso-operator":       v1alpha1.ReasonPolicyMissing,
	} {
		c := clusterWithPolicies(t, username)
		condition, err := newPolicyCheck(c, c).compare(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if condition.Reason != want {
			t.Errorf("%s: %s: %s, want %s", username, condition.Reason, condition.Message, want)
		}
	}
}

func TestPoliciesAreReportedByTheLeaderAlone(t *testing.T) {
	c := clusterWithPolicies(t, "system:serviceaccount:cloudsso-system:cloudsso-operator")
	check := newPolicyCheck(c, c)
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error)
	go func() { stopped <- check.Start(ctx) }()
	select {
	case <-check.changed:
	case <-time.After(time.Minute):
		t.Fatal("the policies were not read")
	}
	if n, want := reportedPolicies(), len(admissionpolicy.Required().Policies); n != want {
		t.Errorf("the leader reports %d policies, want %d", n, want)
	}
	cancel()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if n := reportedPolicies(); n != 0 {
		t.Errorf("%d policies are still reported after the leadership is lost", n)
	}
	if condition := check.condition.Load(); condition == nil || condition.Status != metav1.ConditionTrue {
		t.Errorf("condition %v", condition)
	}
}
