package store_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// The detail of a 400 names the attribute and the bound, in the unit of the bound, and nothing of the API server's own.
func TestRefusalsOfTheAPIServerAreTranslated(t *testing.T) {
	d := newDirectory(t)
	user := schema.Object{}.With(schema.UserName, "alice@example.com").With(schema.Active, true)
	title, emails := schema.User.Attribute("title"), schema.User.Attribute("emails")
	email := func(value string, primary bool) any {
		return schema.Object{}.With(emails.Sub("value"), value).With(emails.Sub("primary"), primary)
	}
	for _, c := range []struct {
		what       string
		rt         *schema.ResourceType
		attributes schema.Object
		words      []string
	}{
		{"a long userName", schema.User, user.With(schema.UserName, strings.Repeat("u", 257)), []string{"userName", "256 characters"}},
		{"a userName of more bytes", schema.User, user.With(schema.UserName, strings.Repeat("ü", 257)), []string{"userName", "256 characters"}},
		{"a userName that is too long for its claim", schema.User, user.With(schema.UserName, strings.Repeat("u", 5000)), []string{"userName", "256 characters"}},
		{"a displayName that is too long for its claim", schema.Group, schema.Object{}.With(schema.GroupDisplayName, strings.Repeat("g", 5000)), []string{"displayName", "256 characters"}},
		{"a long externalId", schema.User, user.With(schema.ExternalID, strings.Repeat("x", 257)), []string{"externalId", "256 characters"}},
		{"a long title, and a long externalId", schema.User, user.With(title, strings.Repeat("x", 1025)).With(schema.ExternalID, strings.Repeat("x", 257)), []string{"title", "1024 characters", "externalId", "; "}},
		{"a long value of a list", schema.User, user.With(emails, []any{email(strings.Repeat("x", 8193), false)}), []string{"emails[0].value", "8192 characters"}},
		{"values that are too long together", schema.User, user.With(emails, slices.Repeat([]any{email(strings.Repeat("x", 8192), false)}, 9)), []string{"emails", "65536 characters together", "remove or shorten"}},
		{"two primary values", schema.User, user.With(emails, []any{email("a", true), email("b", true)}), []string{"emails", "at most one email is primary"}},
		{"a long displayName", schema.Group, schema.Object{}.With(schema.GroupDisplayName, strings.Repeat("g", 257)), []string{"displayName", "256 characters"}},
	} {
		_, err := d.Create(t.Context(), c.rt, c.attributes, nil)
		var refused *scim.Error
		if !errors.As(err, &refused) || refused.Status != http.StatusBadRequest || refused.Type != scim.InvalidValue {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		for _, word := range c.words {
			if !strings.Contains(refused.Detail, word) {
				t.Errorf("%s: %q does not say %q", c.what, refused.Detail, word)
			}
		}
		for _, word := range []string{"<nil>", "null", "validation rules", "bytes", "spec."} {
			if strings.Contains(refused.Detail, word) {
				t.Errorf("%s: %q says %q", c.what, refused.Detail, word)
			}
		}
	}
}

// etcdLimit is the size of etcd's largest request, in bytes; --max-request-bytes.
const etcdLimit = 3 << 19

// The API server takes 3 MiB, etcd half of it. The bounds of owner references do not apply to the operator.
func TestAResourceThatIsTooLargeIsToldFromAnOutage(t *testing.T) {
	d := newDirectory(t)
	alice, err := d.create("alice")
	if err != nil {
		t.Fatal(err)
	}
	writer, err := client.New(operator, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	resize := func(name int) error {
		u := d.stored(alice.ID)
		before := u.DeepCopy()
		u.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: strings.Repeat("n", name), UID: "1"}}
		return writer.Patch(t.Context(), u, client.MergeFrom(before))
	}
	defer func() { // the replicas of other tests read all objects
		if err := resize(1); err != nil {
			t.Error(err)
		}
	}()
	fits, exceeds := etcdLimit-10_000, etcdLimit
	if err := resize(fits); err != nil {
		t.Fatal(err)
	}
	for exceeds-fits > 500 { // fewer than a title that is added below
		if middle := (fits + exceeds) / 2; resize(middle) == nil {
			fits = middle
		} else {
			exceeds = middle
		}
	}
	retitle := scim.Change{Attributes: func(o schema.Object) (schema.Object, error) {
		return o.With(schema.User.Attribute("title"), strings.Repeat("t", 1024)), nil
	}}
	if _, err := d.Update(t.Context(), schema.User, alice.ID, retitle); status(err) != http.StatusRequestEntityTooLarge {
		t.Errorf("too large for etcd: %v", err)
	}
	large := schema.Object{}.With(schema.UserName, "bob").With(schema.User.Attribute("title"), strings.Repeat("t", 4<<20))
	if _, err := d.Create(t.Context(), schema.User, large, nil); status(err) != http.StatusRequestEntityTooLarge {
		t.Errorf("too large for the API server: %v", err)
	}
}
