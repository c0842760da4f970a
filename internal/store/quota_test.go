package store_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// limitUsers limits the users of a directory, as a ResourceQuota that a controller has counted does, and waits until the API
// server refuses one more.
func limitUsers(t *testing.T, d *directory, limit int64) {
	t.Helper()
	const counted = "count/cloudssousers.cloudsso.dev"
	hard := corev1.ResourceList{counted: *resource.NewQuantity(limit, resource.DecimalSI)}
	q := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: d.namespace, Name: "users"}, Spec: corev1.ResourceQuotaSpec{Hard: hard}}
	if err := admin.Create(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	q.Status = corev1.ResourceQuotaStatus{Hard: hard, Used: hard}
	if err := admin.Status().Update(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	writer, err := client.New(operator, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	probe := &v1alpha1.CloudSSOUser{
		ObjectMeta: metav1.ObjectMeta{Namespace: d.namespace, Name: probeName},
		Spec:       v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceSCIM, UserName: probeName},
	}
	err = wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		err := writer.Create(ctx, probe.DeepCopy(), client.DryRunAll)
		return err != nil && strings.Contains(err.Error(), "exceeded quota"), nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A quota that is used up is no outage: a create is answered at once and without Retry-After, it leaves no claim, and a
// user who leaves can still be disabled.
func TestAUsedUpQuotaIsToldFromAnOutage(t *testing.T) {
	d := newDirectory(t)
	id := d.mustCreate("alice")
	limitUsers(t, d, 1)
	_, err := d.create("bob")
	var answer *scim.Error
	if !errors.As(err, &answer) || answer.Status != http.StatusInsufficientStorage || answer.RetryAfter != 0 || !strings.Contains(answer.Detail, "quota") {
		t.Errorf("a create beyond the quota: %v", err)
	}
	err = admin.Get(t.Context(), nameclaim.UserName(d.namespace, "bob").Key(), &v1alpha1.CloudSSONameClaim{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("the claim of a refused create: %v", err)
	}
	_, err = d.Update(t.Context(), schema.User, id, scim.Change{Attributes: func(o schema.Object) (schema.Object, error) {
		return o.With(schema.Active, false), nil
	}})
	if err != nil {
		t.Errorf("a deactivation: %v", err)
	}
	if _, err := d.Delete(t.Context(), schema.User, id, nil); err != nil {
		t.Errorf("a deprovisioning: %v", err)
	}
}

// Creates that come at the same time change one counter of a quota, and the API server refuses the slower one with a
// Conflict. Such a create is made again, and its claim is not in the way.
func TestACreateThatConflictsAtTheCounterOfAQuotaIsMadeAgain(t *testing.T) {
	const conflicts = 3
	d := newDirectory(t)
	var refused atomic.Int64
	register(t, d, webhook(t, func(u *v1alpha1.CloudSSOUser) *metav1.Status {
		if u.Name != probeName && refused.Add(1) > conflicts {
			return nil
		}
		return &metav1.Status{Code: http.StatusConflict, Reason: metav1.StatusReasonConflict, Message: `Operation cannot be fulfilled on resourcequotas "users"`}
	}), "any")
	id := d.mustCreate("alice")
	if n := refused.Load(); n != conflicts+1 {
		t.Errorf("%d attempts", n)
	}
	if holder := d.claim("alice").Spec.Holder; holder != id {
		t.Errorf("alice is claimed for %s", holder)
	}
}
