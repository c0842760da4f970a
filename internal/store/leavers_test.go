package store

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/priority"
)

// A create is not written while somebody's leave is, and is as soon as that is acknowledged.
func TestALeaverGoesBeforeAnImport(t *testing.T) {
	for _, leave := range []operation{disables("s"), deletes("s")} {
		t.Run(leave.label, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				s := newStage([]*v1alpha1.CloudSSOUser{existing("s", "x", "e", false)})
				replica := s.join(0)
				replica.Leavers = &priority.Gate{}
				s.begin(func() { _ = leave.run(t.Context(), replica) })
				synctest.Wait()
				s.begin(func() { _ = creates("y").run(t.Context(), replica) })
				synctest.Wait()
				if got := s.underWay(); len(got) != 1 || !strings.HasPrefix(got[0], "patch s") {
					t.Fatalf("under way: %q", got)
				}
				s.finish(t, func(n int) int { return n - 1 })
				if s.judge() != "" || len(s.objects) != 2 {
					t.Errorf("%s; %d users", s.judge(), len(s.objects))
				}
				if waited := time.Since(began); waited > 0 {
					t.Errorf("the create went %s after the leave", waited)
				}
			})
		})
	}
}

// Nobody who joins waits for long, whoever else leaves.
func TestAnImportGoesOnBesideLeavers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(nil)
		replica := s.join(0)
		replica.Leavers = &priority.Gate{}
		defer replica.Leavers.Begin()()
		s.begin(func() { _ = creates("y").run(t.Context(), replica) })
		synctest.Wait()
		if got := s.underWay(); len(got) > 0 {
			t.Errorf("the import does not wait: %q", got)
		}
		<-time.After(priority.Patience)
		s.finish(t, func(n int) int { return n - 1 })
		if len(s.objects) != 1 {
			t.Error("nobody was created")
		}
	})
}
