package store_test

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

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

// The API server takes 3 MiB, etcd half of it.
func TestAResourceThatIsTooLargeIsToldFromAnOutage(t *testing.T) {
	d := newDirectory(t)
	certificates := schema.User.Attribute("x509Certificates")
	for what, values := range map[string]int{"for etcd": 30, "for the API server": 60} {
		var all []any
		for n := range values {
			all = append(all, schema.Object{}.With(certificates.Sub("value"), strings.Repeat("A", 65_536)).With(certificates.Sub("type"), strconv.Itoa(n)))
		}
		_, err := d.Create(t.Context(), schema.User, schema.Object{}.With(schema.UserName, fmt.Sprintf("%d@example.com", values)).With(certificates, all), nil)
		if status(err) != http.StatusRequestEntityTooLarge {
			t.Errorf("too large %s: %v", what, err)
		}
	}
}
