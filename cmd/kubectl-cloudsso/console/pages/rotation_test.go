package pages

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// credentialUsed returns a credential that was created and last used that long after noon; a negative use is none.
func credentialUsed(name string, created, used time.Duration) *v1alpha1.SCIMCredential {
	c := &v1alpha1.SCIMCredential{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), CreationTimestamp: metav1.NewTime(noon.Add(created))}}
	if used >= 0 {
		c.Status.LastUsedTime = new(metav1.NewTime(noon.Add(used)))
	}
	return c
}

// accepting adds what the operator says of a credential.
func accepting(c *v1alpha1.SCIMCredential, status metav1.ConditionStatus) *v1alpha1.SCIMCredential {
	c.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionUsable, Status: status, Reason: "Reason"}}
	return c
}

func TestSuccessorIsTheNewer(t *testing.T) {
	older, newer := *credentialUsed("z", 0, -1), *credentialUsed("a", time.Minute, -1)
	for _, all := range [][]v1alpha1.SCIMCredential{{older, newer}, {newer, older}} {
		if s := successionOf(all); s.Old.Name != "z" || s.New.Name != "a" {
			t.Errorf("%s follows %s", s.New.Name, s.Old.Name)
		}
	}
	if successionOf([]v1alpha1.SCIMCredential{older}) != nil {
		t.Error("one credential follows none")
	}
}

func TestStepsOfARotation(t *testing.T) {
	old := credentialUsed("old", 0, 0)
	unused, used := credentialUsed("new", 0, -1), credentialUsed("new", 0, time.Minute)
	for name, test := range map[string]struct {
		succession
		observed
		want rotationStep
	}{
		"not looked at":    {succession{old, unused}, observed{}, stepUnused},
		"accepted":         {succession{old, accepting(credentialUsed("new", 0, -1), metav1.ConditionTrue)}, observed{}, stepUnused},
		"refused":          {succession{old, accepting(credentialUsed("new", 0, 0), metav1.ConditionFalse)}, observed{HasMoved: true}, stepRefused},
		"used":             {succession{old, used}, observed{QuietIn: time.Second}, stepBoth},
		"old one unused":   {succession{old, used}, observed{}, stepQuiet},
		"used alone":       {succession{old, used}, observed{HasMoved: true}, stepMoved},
		"revoked too soon": {succession{nil, unused}, observed{}, stepAlone},
		"revoked":          {succession{nil, used}, observed{}, stepDone},
	} {
		if step := test.stepOf(test.observed); step != test.want {
			t.Errorf("%s: %s", name, step)
		}
	}
	for _, step := range []rotationStep{stepRefused, stepUnused, stepBoth, stepQuiet, stepMoved, stepAlone, stepDone} {
		if step.Words() == "" {
			t.Errorf("%s has no words", step)
		}
	}
}

func TestMoveIsObservedOverSeveralLooks(t *testing.T) {
	var m moves
	at := func(minutes int, newUse time.Duration) observed {
		return m.observe(succession{credentialUsed("old", 0, 0), credentialUsed("new", 0, newUse)}, noon.Add(time.Duration(minutes)*time.Minute))
	}
	if got := at(1, time.Minute); got != (observed{false, plugin.QuietTime}) {
		t.Errorf("one use is no proof: %v", got)
	}
	if got := at(3, time.Minute); got != (observed{}) {
		t.Errorf("the new token was not used again: %v", got)
	}
	if !at(4, 4*time.Minute).HasMoved {
		t.Errorf("the old token was unused for %s", plugin.QuietTime)
	}
}

func TestMovesAreBounded(t *testing.T) {
	var m moves
	for i := range maxMoves + 1 {
		c := credentialUsed("new", 0, -1)
		c.UID = types.UID(time.Duration(i).String())
		m.observe(succession{credentialUsed("old", 0, 0), c}, noon)
	}
	if len(m.seen) > maxMoves {
		t.Error(len(m.seen))
	}
}
