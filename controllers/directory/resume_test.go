package directory

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
)

// pause turns the switch off until a time.
func (s *fixture) pause(until time.Time) {
	s.change(func(d *v1alpha1.CloudSSODirectory) {
		d.Spec.SCIMSynchronization, d.Spec.ResumeAt = v1alpha1.SynchronizationDisabled, new(metav1.NewTime(until))
	})
}

// expectSwitch checks the switch, and whether resumeAt is set.
func (s *fixture) expectSwitch(position v1alpha1.Synchronization, hasResumeAt bool) {
	s.Helper()
	if d := s.directory(); d.Spec.SCIMSynchronization != position || (d.Spec.ResumeAt != nil) != hasResumeAt {
		s.Errorf("the switch is %s, resumeAt %v", d.Spec.SCIMSynchronization, d.Spec.ResumeAt)
	}
}

func TestSynchronizationResumesAtItsTime(t *testing.T) {
	s := newFixture(t)
	s.reconcile() // activates it
	s.pause(s.now.Add(10 * time.Minute))
	if after := s.reconcile().RequeueAfter; after != 10*time.Minute {
		t.Errorf("it is looked at again after %s", after)
	}
	s.expectSwitch(v1alpha1.SynchronizationDisabled, true)
	if message := controllerutil.MessageOf(s.directory().Status.Conditions, v1alpha1.ConditionReady); !strings.Contains(message, "switched off until 2027-01-31T12:10:00Z:") {
		t.Errorf("Ready: %s", message)
	}
	s.now = s.now.Add(10*time.Minute - time.Millisecond)
	if after := s.reconcile().RequeueAfter; after != time.Millisecond {
		t.Errorf("it is looked at again after %s", after)
	}
	s.expectSwitch(v1alpha1.SynchronizationDisabled, true)
	s.now = s.now.Add(time.Millisecond)
	if after := s.reconcile().RequeueAfter; after != 0 {
		t.Errorf("it is looked at again after %s", after)
	}
	s.expectSwitch(v1alpha1.SynchronizationEnabled, false)
	if d := s.directory(); d.Status.SCIMSynchronization != v1alpha1.SynchronizationEnabled {
		t.Error("the status does not show it")
	}
	close(s.events.Events)
	var events []string
	for event := range s.events.Events {
		events = append(events, event)
	}
	if !slices.ContainsFunc(events, func(e string) bool {
		return strings.Contains(e, "SynchronizationResumed") && strings.Contains(e, "2027-01-31T12:10:00Z")
	}) {
		t.Errorf("Events: %q", events)
	}
}

func TestSynchronizationResumesAtOnceIfTheTimePassedWithoutAnOperator(t *testing.T) {
	s := newFixture(t)
	s.reconcile()
	s.pause(s.now.Add(-time.Hour))
	s.reconcile()
	s.expectSwitch(v1alpha1.SynchronizationEnabled, false)
}

func TestAResumptionThatIsRefusedIsReportedAndTriedAgain(t *testing.T) {
	s := newFixture(t)
	s.reconcile()
	s.pause(s.now)
	s.controller.Client = interceptor.NewClient(s.store, interceptor.Funcs{
		Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
			return apierrors.NewForbidden(v1alpha1.GroupVersion.WithResource("cloudssodirectories").GroupResource(), v1alpha1.DirectoryName, errors.New("no right"))
		},
	})
	s.refuse() // a status that has to be written all the same
	if after := s.reconcile().RequeueAfter; after != resumeRetry {
		t.Errorf("it is looked at again after %s", after)
	}
	s.expectSwitch(v1alpha1.SynchronizationDisabled, true)
	d := s.directory()
	if message := controllerutil.MessageOf(d.Status.Conditions, v1alpha1.ConditionReady); !strings.Contains(message, "still switched off") || !strings.Contains(message, "no right") {
		t.Errorf("Ready: %s", message)
	}
	if d.Status.RefusedWrites == nil || d.Status.SCIMSynchronization != v1alpha1.SynchronizationDisabled {
		t.Error("the status is not written")
	}
	s.controller.Client = s.store
	s.reconcile()
	s.expectSwitch(v1alpha1.SynchronizationEnabled, false)
	if message := controllerutil.MessageOf(s.directory().Status.Conditions, v1alpha1.ConditionReady); strings.Contains(message, "switched off") {
		t.Errorf("Ready: %s", message)
	}
}

func TestARestoredDirectoryResumesOnceItIsActivated(t *testing.T) {
	s := newFixture(t)
	s.change(func(d *v1alpha1.CloudSSODirectory) {
		d.Annotations = map[string]string{v1alpha1.AnnotationRestored: "yes"}
	})
	s.pause(s.now.Add(-time.Hour))
	s.reconcile()
	s.expectSwitch(v1alpha1.SynchronizationDisabled, true)
	d := s.directory()
	d.Status.ActivatedAt = new(metav1.NewTime(s.now))
	s.must(s.store.Status().Update(s.Context(), d))
	s.reconcile()
	s.expectSwitch(v1alpha1.SynchronizationEnabled, false)
}

func TestATimeThatWasMovedInTheMeantimeIsKept(t *testing.T) {
	s := newFixture(t)
	s.reconcile()
	s.pause(s.now)
	stale := s.directory()
	s.pause(s.now.Add(time.Hour))
	if _, err := s.controller.resume(t.Context(), stale, s.now); err == nil {
		t.Error("no error")
	}
	s.expectSwitch(v1alpha1.SynchronizationDisabled, true)
	if result, err := s.controller.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(stale)}); err != nil || result.RequeueAfter != time.Hour {
		t.Errorf("%v, %v", result, err)
	}
}
