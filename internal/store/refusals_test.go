package store_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	registrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// refuser is an admission webhook that refuses users whose displayName is one of its statuses. Like most webhooks, it names
// no field.
func refuser(t *testing.T, statuses map[string]metav1.Status) *httptest.Server {
	t.Helper()
	return webhook(t, func(u *v1alpha1.CloudSSOUser) *metav1.Status {
		if status, isRefused := statuses[u.Spec.DisplayName]; isRefused {
			return &status
		}
		return nil
	})
}

// webhook is an admission webhook that refuses the users for which refusal returns a status.
func webhook(t *testing.T, refusal func(*v1alpha1.CloudSSOUser) *metav1.Status) *httptest.Server {
	t.Helper()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review admissionv1.AdmissionReview
		var user v1alpha1.CloudSSOUser
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			t.Error(err)
			return
		}
		if err := json.Unmarshal(review.Request.Object.Raw, &user); err != nil {
			t.Error(err)
		}
		status := refusal(&user)
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: status == nil, Result: status}
		if err := json.NewEncoder(w).Encode(review); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// probeName is the name of a user that is never stored: its creation shows whether a rule is in force.
const probeName = "probe"

// register makes a namespace's users subject to a webhook, and waits until the API server asks it.
func register(t *testing.T, d *directory, webhook *httptest.Server, refused string) {
	t.Helper()
	none, fail := registrationv1.SideEffectClassNone, registrationv1.Fail
	configuration := &registrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "refuser-" + d.namespace},
		Webhooks: []registrationv1.ValidatingWebhook{{
			Name: "refuser.example.com", SideEffects: &none, FailurePolicy: &fail, AdmissionReviewVersions: []string{"v1"},
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": d.namespace}},
			ClientConfig: registrationv1.WebhookClientConfig{
				URL:      new(webhook.URL),
				CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: webhook.Certificate().Raw}),
			},
			Rules: []registrationv1.RuleWithOperations{{
				Operations: []registrationv1.OperationType{registrationv1.Create, registrationv1.Update},
				Rule:       registrationv1.Rule{APIGroups: []string{v1alpha1.GroupVersion.Group}, APIVersions: []string{"*"}, Resources: []string{"cloudssousers"}},
			}},
		}},
	}
	writer, err := client.New(operator, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.Create(t.Context(), configuration); err != nil {
		t.Fatal(err)
	}
	probe := &v1alpha1.CloudSSOUser{
		ObjectMeta: metav1.ObjectMeta{Namespace: d.namespace, Name: probeName},
		Spec:       v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceSCIM, UserName: probeName, DisplayName: refused},
	}
	err = wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		return writer.Create(ctx, probe.DeepCopy(), client.DryRunAll) != nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A write that the cluster's own rules refuse would be refused again: it must not be retried by the store for 25 s, nor by
// the client at each turn.
func TestRefusalOfAWebhookIsAnsweredAtOnce(t *testing.T) {
	d := newDirectory(t)
	register(t, d, refuser(t, map[string]metav1.Status{
		"invalid":   {Code: http.StatusUnprocessableEntity, Message: "no contractors"},
		"forbidden": {Code: http.StatusForbidden, Message: "no contractors"},
		"unnamed":   {Message: "no contractors"}, // an API server makes it a 400
	}), "invalid")
	id := d.mustCreate("alice")
	for refused, want := range map[string]int{"invalid": http.StatusBadRequest, "forbidden": http.StatusForbidden, "unnamed": http.StatusForbidden} {
		attributes := schema.Object{}.With(schema.UserName, refused).With(schema.Active, true).With(schema.User.Attribute("displayName"), refused)
		for what, write := range map[string]func() error{
			"create": func() error {
				_, err := d.Create(t.Context(), schema.User, attributes, nil)
				return err
			},
			"update": func() error {
				_, err := d.Update(t.Context(), schema.User, id, scim.Change{Attributes: func(current schema.Object) (schema.Object, error) {
					return current.With(schema.User.Attribute("displayName"), refused), nil
				}})
				return err
			},
		} {
			began := time.Now()
			err := write()
			var answer *scim.Error
			if !errors.As(err, &answer) || answer.Status != want || answer.RetryAfter != 0 || !strings.Contains(answer.Detail, "no contractors") {
				t.Errorf("%s, %s: %+v", what, refused, err)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("%s, %s: answered after %s", what, refused, took)
			}
		}
	}
	err := admin.Get(t.Context(), nameclaim.UserName(d.namespace, "invalid").Key(), &v1alpha1.CloudSSONameClaim{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("the claim of a refused create: %v", err)
	}
}
