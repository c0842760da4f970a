package server_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
	"github.com/cloudsso/cloudsso-operator/internal/scim/server"
)

// The error names the attribute or the place, and nothing changes.
func TestInvalidRequestsAreRefused(t *testing.T) {
	s := newService(t, func(o *server.Options) { o.Limits.UserBody = 200 << 10 })
	s.do("POST", "/Users", `{"userName":"taken"}`).answers(201)
	u := s.do("POST", "/Users", `{"userName":"alice","title":"CEO","emails":[{"value":"a@example.com","primary":true}]}`).answers(201).id()
	g := s.group("Admins", u)
	before := s.state()
	secret := `"password":"` + password + `"`
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		scimType                 string
		words                    []string
	}{
		{"no body", "POST", "/Users", "", 400, "invalidSyntax", []string{"body"}},
		{"no body", "PUT", "/Users/" + u, "", 400, "invalidSyntax", []string{"body"}},
		{"no body", "PATCH", "/Users/" + u, "", 400, "invalidSyntax", []string{"body"}},
		{"white space", "POST", "/Users", " \n", 400, "invalidSyntax", []string{"empty"}},
		{"malformed", "POST", "/Users", `{"userName":"x",` + secret + `,}`, 400, "invalidSyntax", []string{"byte"}},
		{"malformed", "PUT", "/Users/" + u, `{"userName":`, 400, "invalidSyntax", []string{"byte 12"}},
		{"malformed", "PATCH", "/Users/" + u, `{"Operations":[}`, 400, "invalidSyntax", []string{"byte 16"}},
		{"trailing", "POST", "/Users", `{"userName":"x"} {}`, 400, "invalidSyntax", []string{"byte"}},
		{"not an object", "POST", "/Users", `[1]`, 400, "invalidSyntax", []string{"object"}},
		{"not an object", "PATCH", "/Users/" + u, `"x"`, 400, "invalidSyntax", nil},
		{"not JSON", "POST", "/Users", `<user/>`, 400, "invalidSyntax", []string{"byte 1"}},
		{"deeply nested", "POST", "/Users", `{"userName":"x","x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`, 400, "invalidSyntax", []string{"nested"}},
		{"deeply nested", "PATCH", "/Users/" + u, strings.Repeat(`{"a":`, 5000), 400, "invalidSyntax", []string{"nested"}},
		{"no userName", "POST", "/Users", `{"displayName":"x",` + secret + `}`, 400, "invalidValue", []string{"userName"}},
		{"no userName", "PUT", "/Users/" + u, `{"title":"x"}`, 400, "invalidValue", []string{"userName"}},
		{"no userName", "PATCH", "/Users/" + u, patchJSON(`{"op":"remove","path":"userName"}`), 400, "mutability", []string{"userName"}},
		{"empty userName", "POST", "/Users", `{"userName":""}`, 400, "invalidValue", []string{"userName"}},
		{"blank userName", "POST", "/Users", `{"userName":"  "}`, 400, "invalidValue", []string{"userName"}},
		{"null userName", "POST", "/Users", `{"userName":null}`, 400, "invalidValue", []string{"userName"}},
		{"no displayName", "POST", "/Groups", `{"members":[]}`, 400, "invalidValue", []string{"displayName"}},
		{"no displayName", "PUT", "/Groups/" + g, `{}`, 400, "invalidValue", []string{"displayName"}},
		{"userName is an object", "POST", "/Users", `{"userName":{"a":1}}`, 400, "invalidValue", []string{"userName"}},
		{"userName is a list", "POST", "/Users", `{"userName":["a","b"]}`, 400, "invalidValue", []string{"userName"}},
		{"active is a number", "POST", "/Users", `{"userName":"x","active":1}`, 400, "invalidValue", []string{"active", "boolean"}},
		{"active is a word", "PUT", "/Users/" + u, `{"userName":"alice","active":"maybe"}`, 400, "invalidValue", []string{"active"}},
		{"active is a word", "PATCH", "/Users/" + u, patchJSON(`{"op":"replace","path":"active","value":"maybe"}`), 400, "invalidValue", []string{"Operations[0]", "active"}},
		{"active is a word", "PATCH", "/Users/" + u, patchJSON(`{"op":"replace","value":{"active":"maybe"}}`), 400, "invalidValue", []string{"Operations[0]", "active"}},
		{"name is a number", "POST", "/Users", `{"userName":"x","name":3}`, 400, "invalidValue", []string{"name"}},
		{"part of a name", "POST", "/Users", `{"userName":"x","name":{"givenName":[]},"emails":[{"value":true}]}`, 400, "invalidValue", []string{"emails[0].value"}},
		{"two primaries", "POST", "/Users", `{"userName":"x","emails":[{"value":"a","primary":true},{"value":"b","primary":true}]}`, 400, "invalidValue", []string{"emails", "primary"}},
		{"twice", "POST", "/Users", `{"userName":"x","USERNAME":"y"}`, 400, "invalidSyntax", []string{"username", "twice"}},
		{"twice", "PATCH", "/Users/" + u, patchJSON(`{"op":"replace","OP":"remove","path":"title","value":"x"}`), 400, "invalidSyntax", []string{"twice", "byte"}},
		{"twice", "POST", "/Bulk", `{"Operations":[{"method":"DELETE","path":"/Users/` + u + `","PATH":"/Groups/` + g + `"}]}`, 400, "invalidSyntax", []string{"twice"}},
		{"twice", "POST", "/Users/.search", `{"count":1,"Count":2}`, 400, "invalidSyntax", []string{"twice"}},
		{"not UTF-8", "POST", "/Users", "{\"userName\":\"Ren\xe9\"}", 400, "invalidSyntax", []string{"UTF-8", "byte 17"}},
		{"not UTF-8", "PATCH", "/Users/" + u, patchJSON("{\"op\":\"replace\",\"path\":\"title\",\"value\":\"\xe9\"}"), 400, "invalidSyntax", []string{"UTF-8"}},
		{"half a surrogate pair", "PUT", "/Users/" + u, `{"userName":"alice","externalId":"x\ud83d"}`, 400, "invalidSyntax", []string{"surrogate", "byte 34"}},
		{"half a surrogate pair", "GET", "/Users?filter=" + url.QueryEscape(`externalId eq "x\ud83d"`), "", 400, "invalidFilter", []string{"surrogate"}},
		{"over-long", "POST", "/Users", `{"userName":"` + strings.Repeat("x", 100<<10) + `"}`, 400, "invalidValue", []string{"userName", "long"}},
		{"too many values", "POST", "/Users", `{"userName":"x","emails":[` + strings.Repeat(`{"value":"a"},`, 500) + `{}]}`, 400, "invalidValue", []string{"emails"}},
		{"over the limit", "POST", "/Users", `{"userName":"x",` + secret + `,"title":"` + strings.Repeat("x", 200<<10) + `"}`, 413, "", []string{"204800"}},
		{"over the limit", "PUT", "/Users/" + u, strings.Repeat(" ", 201<<10), 413, "", []string{"204800", "User"}},
		{"over the limit", "PATCH", "/Users/" + u, strings.Repeat("[", 201<<10), 413, "", []string{"204800", "User"}},
		{"members are words", "PUT", "/Groups/" + g, `{"displayName":"Admins","members":[true]}`, 400, "invalidValue", []string{"members[0]"}},
		{"a member without value", "POST", "/Groups", `{"displayName":"x","members":[{"display":"a"}]}`, 400, "invalidValue", []string{"members[0].value"}},
		{"no operations", "PATCH", "/Users/" + u, `{"userName":"x"}`, 400, "invalidSyntax", []string{"Operations"}},
		{"operations are an object", "PATCH", "/Users/" + u, `{"Operations":{}}`, 400, "invalidSyntax", []string{"Operations"}},
		{"no operation", "PATCH", "/Users/" + u, `{"Operations":[]}`, 400, "invalidSyntax", []string{"Operations"}},
		{"another type's schema", "POST", "/Users", `{"schemas":["` + schema.GroupSchema.ID + `"],"userName":"x"}`, 400, "invalidSyntax", []string{"schemas", "/Groups"}},
		{"another type's schema", "POST", "/Groups", `{"schemas":["` + schema.UserSchema.ID + `"],"displayName":"x"}`, 400, "invalidSyntax", []string{"schemas", "/Users"}},
		{"another type's schema", "PUT", "/Users/" + u, `{"schemas":["` + schema.UserSchema.ID + `","` + strings.ToUpper(schema.GroupSchema.ID) + `"],"userName":"alice"}`, 400, "invalidSyntax", []string{"schemas"}},
		{"no op", "PATCH", "/Users/" + u, patchJSON(`{"path":"title","value":"x"}`), 400, "invalidSyntax", []string{"Operations[0]", "op"}},
		{"unknown op", "PATCH", "/Users/" + u, patchJSON(`{"op":"replace","path":"title","value":"x"},{"op":"move","path":"title"}`), 400, "invalidSyntax", []string{"Operations[1]", "move"}},
		{"unknown path", "PATCH", "/Users/" + u, patchJSON(`{"op":"replace","path":"shoeSize","value":"x"}`), 400, "invalidPath", []string{"shoeSize"}},
		{"malformed path", "PATCH", "/Users/" + u, patchJSON(`{"op":"replace","path":"emails[type eq","value":"x"}`), 400, "invalidPath", []string{"emails[type eq"}},
		{"remove without path", "PATCH", "/Users/" + u, patchJSON(`{"op":"remove"}`), 400, "noTarget", []string{"path"}},
		{"read-only", "PATCH", "/Users/" + u, patchJSON(`{"op":"replace","path":"groups","value":[]}`), 400, "mutability", []string{"groups"}},
		{"read-only", "PATCH", "/Users/" + u, patchJSON(`{"op":"replace","path":"id","value":"x"}`), 400, "mutability", []string{"id"}},
		{"taken", "PUT", "/Users/" + u, `{"userName":"TAKEN"}`, 409, "uniqueness", []string{"TAKEN"}},
		{"taken", "PATCH", "/Users/" + u, patchJSON(`{"op":"replace","path":"userName","value":"Taken"}`), 409, "uniqueness", []string{"Taken"}},
	} {
		t.Run(fmt.Sprintf("%s in %s %s", c.name, c.method, c.path), func(t *testing.T) {
			defer s.useSubtest(t)()
			s.do(c.method, c.path, c.body).refuses(c.status, c.scimType, c.words...)
			if after := s.state(); after != before {
				t.Errorf("the state was %s\nand is %s", before, after)
			}
		})
	}
}

// state returns all users and groups as the service lists them.
func (s *service) state() string {
	s.t.Helper()
	return s.do("GET", "/Users", "").answers(200).raw + s.do("GET", "/Groups", "").answers(200).raw
}

func TestBodiesAtTheLimit(t *testing.T) {
	s := newService(t, func(o *server.Options) { o.Limits = server.Limits{UserBody: 100, GroupBody: 200} })
	padded := func(body string, size int) string { return body + strings.Repeat(" ", size-len(body)) }
	s.do("POST", "/Users", padded(`{"userName":"a"}`, 100)).answers(201)
	s.do("POST", "/Users", padded(`{"userName":"b"}`, 101)).refuses(413, "", "100")
	s.do("POST", "/Groups", padded(`{"displayName":"a"}`, 200)).answers(201)
	s.do("POST", "/Groups", padded(`{"displayName":"b"}`, 201)).refuses(413, "", "200")
}

// Content-Length alone shows that the body is too large.
func TestABodyThatIsAnnouncedTooLargeIsNotRead(t *testing.T) {
	s := newService(t)
	r := httptest.NewRequest("POST", "http://sso.example.com/scim/v2/Users", iotest.ErrReader(errors.New("the body was read")))
	r.Header.Set("Authorization", "Bearer "+token)
	r.ContentLength = limits.UserBody + 1
	s.send(r).refuses(413, "", "1048576")
	r.ContentLength = -1
	s.send(r).refuses(400, "invalidSyntax", "before it was complete")
}

// Providers leave schemas out, or send URIs of their own.
func TestSchemasMayBeAbsent(t *testing.T) {
	s := newService(t)
	for i, schemas := range []string{``, `"schemas":[],`, `"schemas":null,`, `"schemas":["urn:example:User"],`} {
		id := s.do("POST", "/Users", fmt.Sprintf(`{%s"userName":"alice-%d"}`, schemas, i)).answers(201).has("schemas.0", schema.UserSchema.ID).id()
		s.do("PATCH", "/Users/"+id, `{`+schemas+`"Operations":[{"op":"replace","path":"title","value":"CEO"}]}`).answers(200).has("title", "CEO")
		s.do("PUT", "/Users/"+id, fmt.Sprintf(`{%s"userName":"bob-%d"}`, schemas, i)).answers(200).has("title", nil)
	}
}

// Details quote at most a part of what the client sent.
func TestDetailsAreBounded(t *testing.T) {
	s := newService(t)
	long := strings.Repeat("ü", 100<<10)
	for _, r := range []*reply{
		s.do("PATCH", "/Users/"+s.user("alice"), patchJSON(`{"op":"`+long+`","path":"title"}`)).answers(400),
		s.do("GET", "/"+long, "").answers(404),
		s.do("GET", "/Users/"+long, "").answers(404),
		s.do("GET", "/Users?count="+long, "").answers(400),
		s.do("GET", "/Users?filter="+long+"+eq+1", "").answers(400),
		s.do("POST", "/Users", "{}", "Content-Type: "+long).answers(415),
		s.do("GET", "/Users?%zz"+long, "").answers(400),
	} {
		if detail := r.text("detail"); len(detail) > 3<<10 || !utf8.ValidString(detail) {
			t.Errorf("the detail is %d bytes: %.200s", len(detail), detail)
		}
	}
}

func TestPasswordsAreNeverStored(t *testing.T) {
	s := newService(t)
	id := s.do("POST", "/Users", `{"userName":"alice","password":"`+password+`"}`).answers(201).has("password", nil).id()
	s.do("PUT", "/Users/"+id, `{"userName":"alice","PassWord":"`+password+`"}`).answers(200).has("PassWord", nil)
	s.do("PATCH", "/Users/"+id, patchJSON(`{"op":"replace","path":"password","value":"`+password+`"}`)).answers(200)
	s.do("PATCH", "/Users/"+id, patchJSON(`{"op":"replace","value":{"password":"`+password+`"}}`)).answers(200)
	s.do("GET", "/Users/"+id+"?attributes=password", "").answers(200).has("password", nil)
	s.do("PATCH", "/Users/"+id, patchJSON(`{"op":"replace","path":"password","value":{"x":"`+password+`"}}`))
	s.do("POST", "/Users", `{"userName":"alice","password":"`+password+`"}`).answers(409)
	s.do("POST", "/Users", `{"userName":{},"password":"`+password+`"}`).answers(400)
}

// Some clients put a password where it does not belong. It is in no response, record or log: do looks at them.
func TestPasswordsInWrongPlacesAreNotRepeated(t *testing.T) {
	const urn = "urn:ietf:params:scim:schemas:core:2.0:User"
	s := newService(t)
	alice := "/Users/" + s.createUser("alice")
	for _, operation := range []string{
		`{"op":"replace","path":"password.` + password + `","value":1}`,
		`{"op":"replace","path":"password=` + password + `"}`,
		`{"op":"replace","path":"PASSWORD ` + password + `","value":"x"}`,
		`{"op":"replace","path":"` + urn + `:password.` + password + `","value":"x"}`,
		`{"op":"remove","path":"password[value eq \"` + password + `\"]"}`,
		`{"op":"remove","path":"password[value eq \"` + password + `"}`,
		`{"op":"` + password + `","path":"password","value":"x"}`,
		`{"op":"replace password=` + password + `"}`,
		`{"op":"replace","path":"active","value":"` + password + `"}`,
		`{"op":"replace","path":"active ` + password + `","value":false}`,
		`{"op":"add","path":"urn:x:` + password + `","value":"` + password + `"}`,
		`{"op":"replace","value":{"password.` + password + `":"x","password":"` + password + `"}}`,
		`{"op":"replace","value":"` + password + `"}`,
	} {
		s.do("PATCH", alice, patchJSON(operation))
		s.do("PATCH", alice, patchJSON(operation+`,{"op":"replace","path":"title","value":"x"}`))
	}
	for _, filter := range []string{
		`password eq "` + password + `"`, `userName eq "` + password + ` `, `userName eq "alice" ` + password, `userName ` + password + ` "x"`,
		`password.` + password + ` eq "x"`, `active eq ` + password, `emails[type eq "work"] ` + password, `userName eq "\x` + password + `"`,
	} {
		s.do("GET", "/Users?filter="+url.QueryEscape(filter), "").answers(400)
		s.do("POST", "/Users/.search", `{"filter":`+string(schema.AppendString(nil, filter))+`}`).answers(400)
	}
	for _, body := range []string{
		`"` + password + `"`, password, `{"userName":"bob","password":"` + password + `"`, `{"name":"` + password + `"}`,
		`{"userName":"bob","active":"` + password + `"}`, `{"userName":"bob","password":"x","password":"` + password + `"}`,
		`{"userName":"bob","password.` + password + `":1,"PASSWORD.` + password + `":2}`, `{"userName":"carol","password.` + password + `":1}`,
	} {
		s.do("POST", "/Users", body)
	}
	s.do("POST", "/Bulk", `{"Operations":[{"method":"`+password+`","path":"/Users","bulkId":"b","data":{}}]}`).answers(200)
	s.do("GET", "/Users?sortBy=password."+password, "").answers(400)
}

// A name is logged once, however often requests have it.
func TestUnknownAttributesAreLoggedOnce(t *testing.T) {
	const urn = "urn:example:params:scim:schemas:extension:badge:2.0:User"
	s := newService(t)
	id := s.do("POST", "/Users", `{"userName":"alice","`+urn+`":{"number":"7"},"favouriteColour":"red"}`).answers(201).has(urn, nil).id()
	s.do("PUT", "/Users/"+id, `{"userName":"alice","`+urn+`":{"number":"8"}}`).answers(200).has(urn, nil)
	s.do("PATCH", "/Users/"+id, patchJSON(`{"op":"add","value":{"`+urn+`":{"number":"9"}}}`)).answers(200).has(urn, nil)
	if n := strings.Count(s.log.String(), urn+" "); n != 1 {
		t.Errorf("logged %d times: %s", n, &s.log)
	}
	s.do("PATCH", "/Users/"+id, patchJSON(`{"op":"add","path":"`+urn+`:number","value":"9"}`)).answers(200)
	s.do("PATCH", "/Users/"+id, patchJSON(`{"op":"add","value":{"`+urn+`:number":"9"}}`)).answers(200)
	if n := strings.Count(s.log.String(), urn+":number "); n != 1 {
		t.Errorf("logged %d times: %s", n, &s.log)
	}
	s.do("PATCH", "/Users/"+id, patchJSON(`{"op":"replace","path":"`+schema.UserSchema.ID+`:role","value":"member"},{"op":"Replace","path":"active","value":"False"}`)).
		answers(200).has("active", false)
	s.do("PATCH", "/Users/"+id, patchJSON(`{"op":"replace","value":{"shoeSize":"9"}}`)).answers(200)
	s.do("PATCH", "/Users/"+id, patchJSON(`{"op":"replace","path":"emails[type eq \"personal\"].value","value":"x"}`)).refuses(400, "noTarget", "personal")
	if strings.Contains(s.log.String(), "personal") {
		t.Errorf("a refused operation is logged as ignored: %s", &s.log)
	}
	s.do("PATCH", "/Users/"+id, patchJSON(`{"op":"replace","path":"emails[type eq \"personal\"].value","value":"x"},{"op":"replace","path":"active","value":false}`)).
		answers(200).has("active", false).has("emails", nil)
	for _, name := range []string{schema.UserSchema.ID + ":role ", "shoeSize ", `personal\"].value`} {
		if n := strings.Count(s.log.String(), name); n != 1 {
			t.Errorf("%s is logged %d times: %s", name, n, &s.log)
		}
	}
	for i := range 1000 {
		s.do("PATCH", "/Users/"+id, patchJSON(fmt.Sprintf(`{"op":"add","path":"urn:example:%d:x","value":"9"}`, i))).answers(200)
	}
	if n := strings.Count(s.log.String(), "urn:example"); n > 100 {
		t.Errorf("a client fills the log with %d lines", n)
	}
	s.do("PATCH", "/Users/"+id, patchJSON(`{"op":"add","value":{"shoeSize":"9"}}`), "Authorization: Bearer other").answers(200)
	if !strings.Contains(s.log.String(), "subject=globex/okta") {
		t.Error("the names of one directory keep those of another out of the log")
	}
}
