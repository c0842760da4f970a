package directory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
	"github.com/cloudsso/cloudsso-operator/internal/usage"
)

// sharedClient returns the API server of all fixtures, which takes long to build. Each fixture has a namespace of its own.
var sharedClient = sync.OnceValue(func() client.WithWatch {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		panic(err)
	}
	return fake.NewClientBuilder().WithScheme(scheme).WithStatusSubresource(&v1alpha1.CloudSSODirectory{}).Build()
})

var fixtures atomic.Int32

// fixture has a directory, its controller, and a replica that refuses writes. Every step takes two seconds.
type fixture struct {
	*testing.T
	namespace  string
	now        time.Time
	store      client.WithWatch
	controller *Reconciler
	replica    *usage.Recorder
	events     *events.FakeRecorder
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	s := &fixture{
		T: t, namespace: fmt.Sprintf("acme-%d", fixtures.Add(1)), store: sharedClient(),
		now: time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC), events: events.NewFakeRecorder(100),
	}
	s.must(s.store.Create(t.Context(), &v1alpha1.CloudSSODirectory{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: v1alpha1.DirectoryName, UID: "u1", Generation: 1}, // the fake API server gives none
	}))
	s.controller = &Reconciler{Base: controllerutil.Base{Client: s.store, Events: s.events, Now: s.clock}, counters: newCounters(), policies: newPolicyCheck(s.store, s.store)}
	s.replica = usage.New(s.store, s.clock)
	return s
}

func (s *fixture) clock() time.Time { return s.now }

func (s *fixture) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *fixture) directory() *v1alpha1.CloudSSODirectory {
	d := &v1alpha1.CloudSSODirectory{}
	s.must(s.store.Get(s.Context(), client.ObjectKey{Namespace: s.namespace, Name: v1alpha1.DirectoryName}, d))
	return d
}

func (s *fixture) change(change func(*v1alpha1.CloudSSODirectory)) {
	d := s.directory()
	change(d)
	d.Generation++
	s.must(s.store.Update(s.Context(), d))
}

func (s *fixture) turn(position v1alpha1.Synchronization) {
	s.change(func(d *v1alpha1.CloudSSODirectory) { d.Spec.SCIMSynchronization = position })
}

func (s *fixture) acknowledge(value string) {
	s.change(func(d *v1alpha1.CloudSSODirectory) {
		d.Annotations = map[string]string{v1alpha1.AnnotationResynced: value}
	})
}

func (s *fixture) refuse() {
	s.replica.Refused(auth.Principal{Namespace: s.namespace, Credential: "okta"}, "PATCH", "Users/alice")
	s.must(s.replica.Flush(s.Context()))
}

func (s *fixture) reconcile() ctrl.Result {
	s.Helper()
	result, err := s.controller.Reconcile(s.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(s.directory())})
	s.must(err)
	return result
}

func (s *fixture) step(step string) {
	s.now = s.now.Add(2 * time.Second)
	switch step {
	case "off":
		s.turn(v1alpha1.SynchronizationDisabled)
	case "on":
		s.turn(v1alpha1.SynchronizationEnabled)
	case "push":
		s.acknowledge(s.now.Format(time.RFC3339))
	case "refuse":
		s.refuse()
	case "reconcile":
		s.reconcile()
	}
}

func (s *fixture) count() int64 {
	if w := s.directory().Status.RefusedWrites; w != nil {
		return w.Count
	}
	return 0
}

func (s *fixture) condition() metav1.Condition {
	for _, c := range s.directory().Status.Conditions {
		if c.Type == v1alpha1.ConditionResyncNeeded {
			return c
		}
	}
	return metav1.Condition{}
}

// merges returns every order of the steps of a and b that keeps the order of each.
func merges(a, b []string) [][]string {
	if len(a) == 0 || len(b) == 0 {
		return [][]string{slices.Concat(a, b)}
	}
	var all [][]string
	for _, rest := range merges(a[1:], b) {
		all = append(all, append([]string{a[0]}, rest...))
	}
	for _, rest := range merges(a, b[1:]) {
		all = append(all, append([]string{b[0]}, rest...))
	}
	return all
}

// The count is that of the writes refused since the last acknowledged push, at whatever times the controller reconciles.
func TestReconcileLosesNoRefusal(t *testing.T) {
	for _, test := range []struct {
		story      string
		reconciles int // at any time
		want       int64
	}{
		{"on off refuse on off refuse on", 2, 2},
		{"on off refuse on push off refuse on", 2, 1},
		{"on off refuse on push off on", 1, 0},
		{"on off refuse push refuse on", 1, 1},
		{"on off refuse on push off refuse on push", 1, 0},
	} {
		for _, order := range merges(strings.Fields(test.story), slices.Repeat([]string{"reconcile"}, test.reconciles)) {
			t.Run(strings.Join(order, " "), func(t *testing.T) {
				s := newFixture(t)
				for _, step := range order {
					s.step(step)
				}
				s.step("reconcile")
				if got := s.count(); got != test.want {
					t.Errorf("counts %d, want %d", got, test.want)
				}
				if needed := s.condition().Status == metav1.ConditionTrue; needed != (test.want > 0) {
					t.Errorf("the condition is %+v", s.condition())
				}
			})
		}
	}
}

// A write that is refused between the controller's read and its patch is not part of the acknowledged push.
func TestRefusalDuringReconcileIsCounted(t *testing.T) {
	s := newFixture(t)
	for _, step := range []string{"off", "refuse", "push", "off"} {
		s.step(step)
	}
	s.now = s.now.Add(2 * time.Second)
	refused := false
	s.controller.Client = interceptor.NewClient(s.store, interceptor.Funcs{
		SubResourcePatch: func(ctx context.Context, c client.Client, subresource string, o client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
			if !refused {
				refused = true
				s.refuse()
			}
			return c.SubResource(subresource).Patch(ctx, o, patch, options...)
		},
	})
	if result := s.reconcile(); !refused || result.RequeueAfter == 0 {
		t.Errorf("refused: %t, requeued: %+v", refused, result)
	}
	s.reconcile()
	if got := s.count(); got != 1 {
		t.Errorf("counts %d, want 1", got)
	}
}

func TestConditionSaysHowToClearIt(t *testing.T) {
	const command = "kubectl -n %s annotate --overwrite cloudssodirectory default cloudsso.dev/resynced=$(date -u +%%Y-%%m-%%dT%%H:%%M:%%SZ)"
	ahead := func(s *fixture) string { return s.now.Add(time.Minute).Format(time.RFC3339) }
	for _, test := range []struct {
		name     string
		resynced func(*fixture) string
		wants    []string
		requeue  time.Duration
	}{
		{"without annotation", nil, []string{"1 write was refused", "does not retry: start a full push", command}, 0},
		{"not a time", func(*fixture) string { return "yes" }, []string{command, `"yes" is not an RFC 3339 time`}, 0},
		{"a long value", func(*fixture) string { return strings.Repeat("é", 10_000) }, []string{command, "is not an RFC 3339 time"}, 0},
		{"a time in the future", ahead, []string{command, "its time is in the future"}, time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newFixture(t)
			s.step("off")
			s.step("refuse")
			s.step("on")
			if test.resynced != nil {
				s.acknowledge(test.resynced(s))
			}
			if requeue := s.reconcile().RequeueAfter; requeue != test.requeue {
				t.Errorf("requeued after %s, want %s", requeue, test.requeue)
			}
			c := s.condition()
			for _, want := range test.wants {
				if want == command {
					want = fmt.Sprintf(command, s.namespace)
				}
				if c.Status != metav1.ConditionTrue || c.Reason != v1alpha1.ReasonWritesRefused || !strings.Contains(c.Message, want) {
					t.Errorf("%+v lacks %s", c, want)
				}
			}
			if len(c.Message) > 1024 {
				t.Errorf("the message has %d bytes, an Event's note at most 1024", len(c.Message))
			}
		})
	}
}

func TestEventsOfASwitchAndAPush(t *testing.T) {
	s := newFixture(t)
	for _, step := range []string{"on", "reconcile", "off", "refuse", "reconcile", "on", "reconcile", "push", "reconcile", "reconcile"} {
		s.step(step)
	}
	close(s.events.Events)
	var reasons []string
	for event := range s.events.Events {
		reasons = append(reasons, strings.Fields(event)[1])
	}
	want := "[SynchronizationEnabled SynchronizationDisabled WritesRefused SynchronizationEnabled ResyncNeeded Resynced]"
	if got := fmt.Sprint(reasons); got != want {
		t.Errorf("Events %s, want %s", got, want)
	}
}

// While the switch is Disabled, a push would be refused as well.
func TestConditionSaysWhenToPush(t *testing.T) {
	s := newFixture(t)
	s.step("off")
	s.step("refuse")
	s.step("refuse")
	s.step("reconcile")
	c := s.condition()
	const want = "2 writes were refused while the directory was not served, and the identity provider does not retry: when the directory is served again, start a full push"
	if c.Status != metav1.ConditionFalse || !strings.HasPrefix(c.Message, want) {
		t.Errorf("%+v", c)
	}
}

// A namespace that is not selected is refused with 403 too, so a push would be refused as well.
func TestResyncWaitsForTheSelection(t *testing.T) {
	now := metav1.Now()
	for selection, want := range map[policy.Selection]metav1.ConditionStatus{
		policy.NamespaceSelected:    metav1.ConditionTrue,
		policy.NamespaceNotSelected: metav1.ConditionFalse,
		policy.NamespaceUnknown:     metav1.ConditionFalse,
	} {
		d := &v1alpha1.CloudSSODirectory{Spec: v1alpha1.CloudSSODirectorySpec{SCIMSynchronization: v1alpha1.SynchronizationEnabled}}
		d.Status.ActivatedAt, d.Status.RefusedWrites = &now, &v1alpha1.RefusedWrites{Count: 1}
		computeStatus(d, selection, "", counts{}, nil, now.Time, nil)
		if c := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionResyncNeeded); c.Status != want || strings.Contains(c.Message, "switched off") {
			t.Errorf("%s: %+v", selection, c)
		}
	}
}

// The switch of a restored directory may be Disabled, and its requests are answered 403 then.
func TestActivationMessageHoldsWhateverTheSwitch(t *testing.T) {
	for _, position := range []v1alpha1.Synchronization{v1alpha1.SynchronizationEnabled, v1alpha1.SynchronizationDisabled} {
		d := &v1alpha1.CloudSSODirectory{Spec: v1alpha1.CloudSSODirectorySpec{SCIMSynchronization: position}}
		d.UID, d.Annotations = "present", map[string]string{v1alpha1.AnnotationRestored: "yes"}
		if message := activated(d).Message; strings.Contains(message, "503") || !strings.Contains(message, "until a person activates it") {
			t.Errorf("%s: %s", position, message)
		}
	}
}
