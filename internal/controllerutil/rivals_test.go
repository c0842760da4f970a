package controllerutil_test

import (
	"context"
	"errors"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
)

func named(name, userName string) *v1alpha1.CloudSSOUser {
	return &v1alpha1.CloudSSOUser{
		ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: name},
		Spec:       v1alpha1.CloudSSOUserSpec{UserName: userName},
	}
}

// Who waits for a name learns that it is free, though the index could not be asked at first, and though the
// handler's context is over by the next time.
func TestRivalsOfANameThatWasLeftAreFoundInTheEnd(t *testing.T) {
	asked := map[string]int{}
	handler := controllerutil.EnqueueRivals(func(ctx context.Context, u *v1alpha1.CloudSSOUser) ([]*v1alpha1.CloudSSOUser, error) {
		asked[u.Spec.UserName]++
		switch {
		case u.Spec.UserName != "bob":
			return []*v1alpha1.CloudSSOUser{u}, nil
		case asked["bob"] == 1:
			return nil, errors.New("the index is behind")
		}
		return []*v1alpha1.CloudSSOUser{named("waiting", "bob")}, ctx.Err()
	})
	q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[ctrl.Request]())
	defer q.ShutDown()
	ctx, cancel := context.WithCancel(t.Context())
	handler.Update(ctx, event.UpdateEvent{ObjectOld: named("first", "bob"), ObjectNew: named("first", "robert")}, q)
	cancel()
	if n := q.Len(); n != 0 {
		t.Fatalf("%d are enqueued, though nobody is known", n)
	}
	found := make(chan string, 1)
	go func() { request, _ := q.Get(); found <- request.Name }()
	select {
	case name := <-found:
		if name != "waiting" || asked["bob"] != 2 || asked["robert"] != 1 {
			t.Errorf("found %s, having asked %v", name, asked)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("nobody is found")
	}
}

func TestNobodyIsAskedForOnceTheQueueIsShut(t *testing.T) {
	asked := make(chan struct{}, 10)
	handler := controllerutil.EnqueueRivals(func(context.Context, *v1alpha1.CloudSSOUser) ([]*v1alpha1.CloudSSOUser, error) {
		asked <- struct{}{}
		return nil, errors.New("the index is gone")
	})
	q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[ctrl.Request]())
	handler.Create(t.Context(), event.CreateEvent{Object: named("first", "bob")}, q)
	q.ShutDown()
	<-asked
	select {
	case <-asked:
		t.Error("asked again")
	case <-time.After(1500 * time.Millisecond):
	}
}
