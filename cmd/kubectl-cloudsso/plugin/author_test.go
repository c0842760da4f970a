package plugin

import (
	"strings"
	"testing"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestFieldManagerOfAPersonIsAccepted(t *testing.T) {
	for username, person := range map[string]string{
		"alice@example.com": "alice@example.com",
		"oidc:Zoë/ops":      "oidc:Zoë/ops",
		"":                  "",
		"\u202e\n":          "",
		"a\u202eb\u0000c":   "abc",
	} {
		manager := managerOf(username)
		if got := PersonOf(manager); got != person {
			t.Errorf("%q: got %q, want %q", username, got, person)
		}
		if refused := validation.ValidateFieldManager(manager, field.NewPath("fieldManager")); len(refused) > 0 {
			t.Errorf("%q: %v", username, refused)
		}
	}
	for _, letter := range []string{"e", "ë", "語"} {
		long := managerOf(strings.Repeat(letter, validation.FieldManagerMaxLength))
		if refused := validation.ValidateFieldManager(long, field.NewPath("fieldManager")); len(refused) > 0 || !utf8.ValidString(long) || !strings.HasSuffix(long, letter+cutMark) {
			t.Errorf("%q: %v", long, refused)
		}
	}
}

func TestOtherFieldManagersNameNoPerson(t *testing.T) {
	for _, manager := range []string{FieldManager, "kubectl-patch", "flux/alice", ""} {
		if person := PersonOf(manager); person != "" {
			t.Errorf("%s names %s", manager, person)
		}
	}
}
