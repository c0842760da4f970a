package patch_test

import (
	"fmt"
	"testing"

	"github.com/cloudsso/cloudsso-operator/internal/scim/patch"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

const person = `{"userName":"alice","active":true,"name":{"givenName":"Alice","familyName":"Adams"},
	"emails":[{"type":"work","value":"alice@example.com","primary":true}]}`

func request(operations string) string {
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[%s]}`, operations)
}

func decode(tb testing.TB, body string) schema.Object {
	tb.Helper()
	b, err := schema.Decode(schema.User, []byte(body))
	if err != nil {
		tb.Fatal(err)
	}
	return b.Attributes
}

func TestApply(t *testing.T) {
	for name, c := range map[string]struct{ operations, want string }{
		"without a path":              {`{"op":"replace","value":{"active":false}}`, `{"userName":"alice","active":false,"name":{"givenName":"Alice","familyName":"Adams"},"emails":[{"type":"work","value":"alice@example.com","primary":true}]}`},
		"Entra ID's letter case":      {`{"op":"Replace","path":"active","value":"False"}`, `{"userName":"alice","active":false,"name":{"givenName":"Alice","familyName":"Adams"},"emails":[{"type":"work","value":"alice@example.com","primary":true}]}`},
		"a sub-attribute":             {`{"op":"replace","path":"name.familyName","value":"Baker"}`, `{"userName":"alice","active":true,"name":{"givenName":"Alice","familyName":"Baker"},"emails":[{"type":"work","value":"alice@example.com","primary":true}]}`},
		"a dotted key without a path": {`{"op":"replace","value":{"name.familyName":"Baker"}}`, `{"userName":"alice","active":true,"name":{"givenName":"Alice","familyName":"Baker"},"emails":[{"type":"work","value":"alice@example.com","primary":true}]}`},
		"a value path":                {`{"op":"replace","path":"emails[type eq \"work\"].value","value":"b@example.com"}`, `{"userName":"alice","active":true,"name":{"givenName":"Alice","familyName":"Adams"},"emails":[{"type":"work","value":"b@example.com","primary":true}]}`},
		"remove":                      {`{"op":"remove","path":"emails"}`, `{"userName":"alice","active":true,"name":{"givenName":"Alice","familyName":"Adams"}}`},
		"several, in order":           {`{"op":"remove","path":"name"},{"op":"add","path":"name","value":{"givenName":"Al"}}`, `{"userName":"alice","active":true,"name":{"givenName":"Al"},"emails":[{"type":"work","value":"alice@example.com","primary":true}]}`},
		"an id among the values":      {`{"op":"replace","value":{"id":"other","userName":"bob"}}`, `{"userName":"bob","active":true,"name":{"givenName":"Alice","familyName":"Adams"},"emails":[{"type":"work","value":"alice@example.com","primary":true}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := patch.Parse(schema.User, []byte(request(c.operations)))
			if err != nil {
				t.Fatal(err)
			}
			before := decode(t, person)
			got, err := p.Apply(before)
			if err != nil {
				t.Fatal(err)
			}
			if want := decode(t, c.want); !schema.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
			if !schema.Equal(before, decode(t, person)) {
				t.Error("the resource itself was changed")
			}
		})
	}
}

func TestRefused(t *testing.T) {
	for name, operations := range map[string]string{
		"an unknown operation":  `{"op":"move","path":"active","value":true}`,
		"remove without a path": `{"op":"remove"}`,
		"a wrong type":          `{"op":"replace","path":"active","value":{"x":1}}`,
		"a read-only path":      `{"op":"replace","path":"id","value":"x"}`,
		"an open value path":    `{"op":"replace","path":"emails[type eq","value":"x"}`,
		"userName taken away":   `{"op":"remove","path":"userName"}`,
	} {
		p, err := patch.Parse(schema.User, []byte(request(operations)))
		if err == nil {
			_, err = p.Apply(decode(t, person))
		}
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzApply(f *testing.F) {
	for _, operations := range []string{
		`{"op":"replace","value":{"active":false}}`, `{"op":"add","path":"emails[type eq \"home\"].value","value":"x"}`,
		`{"op":"remove","path":"emails[value pr]"}`, `{"op":"Add","path":"name","value":{"givenName":"A"}}`, `{"op":"replace","path":"userName","value":["x"]}`,
	} {
		f.Add(request(operations))
	}
	f.Fuzz(func(t *testing.T, body string) {
		p, err := patch.Parse(schema.User, []byte(body))
		if err != nil {
			return
		}
		once, err := p.Apply(decode(t, person))
		if err != nil {
			return
		}
		if err := schema.Validate(schema.User, once); err != nil {
			t.Fatalf("%s makes a user that its own schema refuses: %v", body, err)
		}
	})
}
