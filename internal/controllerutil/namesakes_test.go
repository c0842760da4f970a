package controllerutil_test

import (
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
)

// lateIndex is an index that shows the objects of a name from some time on.
type lateIndex struct {
	controllerutil.Names
	from time.Time
}

func (i lateIndex) HasSeen(client.Object) bool { return !time.Now().Before(i.from) }

func (i lateIndex) Namesakes(client.Object) []string {
	if time.Now().Before(i.from) {
		return nil
	}
	return []string{"first"}
}

// An event handler must not wait: one that does delays every later event of its informer.
func TestNamesakesAreEnqueuedOnceTheIndexShowsThem(t *testing.T) {
	second := &v1alpha1.CloudSSOUser{}
	second.Namespace, second.Name = "acme", "second"
	for name, late := range map[string]time.Duration{"at once": 0, "a second later": time.Second, "never": time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[ctrl.Request]())
				defer q.ShutDown()
				n := controllerutil.NewNamesakes(lateIndex{from: began.Add(late)})
				go func() {
					if err := n.Start(t.Context()); err != nil {
						t.Error(err)
					}
				}()
				n.Enqueue().Update(t.Context(), event.UpdateEvent{ObjectOld: second, ObjectNew: second}, q)
				if took := time.Since(began); took > 0 {
					t.Errorf("the handler has waited %s", took)
				}
				<-time.After(late + 50*time.Millisecond)
				if late == time.Hour { // the handler has taken what the index had to show after 20 s
					if q.Len() != 0 {
						t.Errorf("%d requests", q.Len())
					}
					return
				}
				for _, want := range []string{"first", "second"} {
					request, _ := q.Get()
					if request.Name != want {
						t.Errorf("%s is enqueued, not %s", request.Name, want)
					}
					q.Done(request)
				}
			})
		})
	}
}
