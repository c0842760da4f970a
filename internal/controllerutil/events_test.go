package controllerutil_test

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"k8s.io/client-go/tools/events"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
)

func TestEventsHaveNoToken(t *testing.T) {
	token, err := auth.NewToken(rand.Reader, "acme")
	if err != nil {
		t.Fatal(err)
	}
	recorder := events.NewFakeRecorder(1)
	base := controllerutil.Base{Events: recorder}
	base.Emit(&v1alpha1.CloudSSOUser{}, controllerutil.Warning("Conflict", "Check", `userName "`+token+`" is already that of a user`))
	note := <-recorder.Events
	if strings.Contains(note, token) || !strings.Contains(note, "is already that of a user") {
		t.Errorf("note %q", note)
	}
}

func TestMessageNamesTenObjectsAtMost(t *testing.T) {
	names := func(n int) (all []string) {
		for i := range n {
			all = append(all, fmt.Sprint("u", i))
		}
		return all
	}
	for n, want := range map[int]string{0: "", 1: "u0", 2: "u0, u1", 12: strings.Join(names(10), ", ") + " and 2 more"} {
		if got := controllerutil.JoinNames(names(n)); got != want {
			t.Errorf("of %d: %q, want %q", n, got, want)
		}
		var first controllerutil.FirstNames
		for _, name := range names(n) {
			first.Add(name, "")
		}
		if got := first.String(); got != want || first.Len() != n {
			t.Errorf("collected %d: %q, %d, want %q", n, got, first.Len(), want)
		}
	}
}

func TestMessageSaysWhyAnObjectIsNamed(t *testing.T) {
	var first controllerutil.FirstNames
	first.Add("bob", "Disabled")
	first.Add("eve", "")
	if got := first.String(); got != "bob (Disabled), eve" {
		t.Error(got)
	}
}
