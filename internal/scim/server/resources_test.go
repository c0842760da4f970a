package server_test

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

func TestCreateUser(t *testing.T) {
	s := newService(t)
	r := s.do("POST", "/Users", `{
		"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "`+enterprise+`"],
		"id": "mine", "meta": {"created": "1999-01-01T00:00:00Z"}, "groups": [{"value": "g"}],
		"userName": "alice@example.com", "externalId": "00u1", "password": "`+password+`",
		"name": {"familyName": "Smith"}, "emails": [{"value": "alice@example.com", "type": "work", "primary": true}],
		"active": true, "`+enterprise+`": {"department": "Sales"}
	}`).answers(201)
	location := base + "/Users/" + r.id()
	r.sends("Location", location).sends("ETag", r.text("meta.version"))
	r.has("id", "id-1").has("userName", "alice@example.com").has("externalId", "00u1").has("active", true)
	r.has("schemas", 2).has("schemas.0", schema.UserSchema.ID).has("schemas.1", enterprise)
	r.has("name.familyName", "Smith").has("emails.0.primary", true).has("password", nil).has("groups", nil).has("members", nil)
	r.has("meta.resourceType", "User").has("meta.location", location)
	if got := valueAt(r.body[enterprise], "department"); got != "Sales" {
		t.Errorf("department is %v", got)
	}
	for _, moment := range []string{"created", "lastModified"} {
		if text, _ := r.at("meta." + moment).(string); !regexp.MustCompile(`^2026-01-0\dT\d\d:\d\d:\d\d\.\d\d\dZ$`).MatchString(text) {
			t.Errorf("%s is %q", moment, text)
		}
	}
	read := s.do("GET", "/Users/"+r.id(), "").answers(200).sends("ETag", r.header.Get("ETag")).sends("Location", "")
	if read.raw != r.raw {
		t.Errorf("read %s, created %s", read.raw, r.raw)
	}
}

func TestNewUsersHaveActive(t *testing.T) {
	s := newService(t)
	s.do("POST", "/Users", `{"userName":"a"}`).answers(201).has("active", true).has("schemas", 1)
	s.do("POST", "/Users", `{"userName":"b","active":false}`).answers(201).has("active", false)
	s.do("POST", "/Users", `{"userName":"c","active":"False"}`).answers(201).has("active", false)
	s.do("POST", "/Users", `{"userName":"d","active":null}`).answers(201).has("active", true)
}

func TestCreateWithATakenNameIsRefused(t *testing.T) {
	s := newService(t)
	s.user("alice")
	s.do("POST", "/Users", `{"userName":"ALICE"}`).refuses(409, "uniqueness", "ALICE").sends("Location", "")
	s.group("Admins")
	s.do("POST", "/Groups", `{"displayName":"admins"}`).refuses(409, "uniqueness", "admins")
}

func TestCreateRestoresADisabledUser(t *testing.T) {
	s := newService(t)
	id := s.do("POST", "/Users", `{"userName":"alice","externalId":"00u1","nickName":"Al"}`).answers(201).id()
	s.do("PATCH", "/Users/"+id, patchJSON(`{"op":"replace","path":"active","value":false}`)).answers(200)
	r := s.do("POST", "/Users", `{"userName":"Alice","externalId":"00u1"}`).answers(201)
	r.has("id", id).has("userName", "Alice").has("active", true).has("nickName", nil).sends("Location", base+"/Users/"+id)
}

func TestADeletedUserNeverComesBack(t *testing.T) {
	s := newService(t)
	id := s.do("POST", "/Users", `{"userName":"alice","externalId":"00u1"}`).answers(201).id()
	s.do("DELETE", "/Users/"+id, "").answers(204)
	if next := s.do("POST", "/Users", `{"userName":"alice","externalId":"00u1"}`).answers(201).id(); next == id {
		t.Errorf("user %s came back", id)
	}
	s.do("GET", "/Users/"+id, "").refuses(404, "", id)
}

func TestANameThatLooksLikeAnotherIsRefused(t *testing.T) {
	s := newService(t)
	alice, group := s.user("alice"), s.group("Admins")
	for _, r := range []struct{ method, path, body string }{
		{"POST", "/Users", `{"userName":"al\u200bice"}`},
		{"PUT", "/Users/" + alice, `{"userName":"al\u200bice"}`},
		{"PATCH", "/Users/" + alice, patchJSON(`{"op":"replace","path":"userName","value":"al\u200bice"}`)},
		{"POST", "/Groups", `{"displayName":"Ad\u200bmins"}`},
		{"PUT", "/Groups/" + group, `{"displayName":"Ad\u200bmins"}`},
		{"PATCH", "/Groups/" + group, patchJSON(`{"op":"replace","value":{"displayName":"Ad\u200bmins"}}`)},
	} {
		s.do(r.method, r.path, r.body).refuses(400, "invalidValue", "U+200B")
	}
}

// A user that takes no change any more could not be deactivated.
func TestAUserDoesNotGrowBeyondTheLimit(t *testing.T) {
	s := newService(t)
	alice := "/Users/" + s.user("alice")
	values := make([]string, 4)
	for i := range values {
		values[i] = fmt.Sprintf(`{"value":%q,"type":"%d"}`, strings.Repeat("x", limits.Resource/8), i)
	}
	half := func(list string) string {
		return patchJSON(`{"op":"replace","path":"` + list + `","value":[` + strings.Join(values, ",") + `]}`)
	}
	s.do("PATCH", alice, half("photos")).answers(200)
	s.do("PATCH", alice, half("ims")).refuses(413, "", fmt.Sprint(limits.Resource), "remove some values")
	s.do("PATCH", alice, patchJSON(`{"op":"replace","path":"active","value":false}`)).answers(200)
	s.do("DELETE", alice, "").answers(204)
}

func TestCreateGroup(t *testing.T) {
	s := newService(t)
	alice, bob := s.user("alice"), s.do("POST", "/Users", `{"userName":"bob","displayName":"Bob B."}`).answers(201).id()
	r := s.do("POST", "/Groups", `{"displayName":"Admins","externalId":"g1","members":[
		{"value":"`+alice+`","display":"ignored"},{"value":"`+bob+`","type":"User","$ref":null},{"value":"absent"}]}`).answers(201)
	r.sends("Location", base+"/Groups/"+r.id()).has("displayName", "Admins").has("externalId", "g1").has("members", 2)
	r.has("members.0.value", alice).has("members.0.display", "alice").has("members.0.type", "User").has("members.0.$ref", base+"/Users/"+alice)
	r.has("members.1.value", bob).has("members.1.display", "Bob B.")
	r.has("active", nil).has("schemas", 1).has("schemas.0", schema.GroupSchema.ID).has("meta.resourceType", "Group")
	s.do("POST", "/Groups", `{"displayName":"Empty"}`).answers(201).has("members", 0)
	u := s.do("GET", "/Users/"+alice, "").answers(200).has("groups", 1)
	u.has("groups.0.value", r.id()).has("groups.0.$ref", base+"/Groups/"+r.id()).has("groups.0.display", "Admins").has("groups.0.type", "direct")
}

func TestNestedGroupsAreRefused(t *testing.T) {
	s := newService(t)
	inner, id := s.group("Inner"), s.group("Outer")
	member := `{"value":"` + inner + `","type":"Group"}`
	s.do("POST", "/Groups", `{"displayName":"Other","members":[`+member+`]}`).refuses(400, "invalidValue", "members[0]", "nested")
	s.do("PUT", "/Groups/"+id, `{"displayName":"Outer","members":[`+member+`]}`).refuses(400, "invalidValue", "members[0]", "nested")
	s.do("PATCH", "/Groups/"+id, patchJSON(`{"op":"add","path":"members","value":[`+member+`]}`)).refuses(400, "invalidValue", "nested")
	s.do("GET", "/Groups", "").has("totalResults", 2)
}

func TestConditionalGet(t *testing.T) {
	s := newService(t)
	id := s.user("alice")
	tag := s.do("GET", "/Users/"+id, "").answers(200).header.Get("ETag")
	if !regexp.MustCompile(`^W/"[\w-]{22}"$`).MatchString(tag) {
		t.Errorf("ETag is %s", tag)
	}
	for _, match := range []string{tag, "*", `W/"other", ` + tag, strings.TrimPrefix(tag, "W/")} {
		r := s.do("GET", "/Users/"+id, "", "If-None-Match: "+match).answers(304).sends("ETag", tag).sends("Content-Type", "")
		r.sends("Content-Location", base+"/Users/"+id)
		if r.raw != "" {
			t.Errorf("a 304 has the body %s", r.raw)
		}
	}
	s.do("GET", "/Users/"+id, "", `If-None-Match: W/"other"`).answers(200)
	s.do("GET", "/Users/absent", "", `If-None-Match: *`).answers(404)
}

func TestConditionalChanges(t *testing.T) {
	s := newService(t)
	g, u := s.group("Admins"), s.user("alice")
	for _, c := range []struct{ method, path, body string }{
		{"PUT", "/Users/" + u, `{"userName":"bob"}`},
		{"PATCH", "/Users/" + u, patchJSON(`{"op":"replace","path":"active","value":false}`)},
		{"PATCH", "/Groups/" + g, patchJSON(`{"op":"add","path":"members","value":[{"value":"` + u + `"}]}`)},
		{"PUT", "/Groups/" + g, `{"displayName":"Others"}`},
		{"DELETE", "/Users/" + u, ""},
		{"DELETE", "/Groups/" + g, ""},
	} {
		before := s.do("GET", c.path, "").answers(200)
		tag := before.header.Get("ETag")
		s.do(c.method, c.path, c.body, `If-Match: W/"other"`).refuses(412, "", tag)
		if after := s.do("GET", c.path, ""); after.raw != before.raw {
			t.Errorf("%s %s: was %s, is %s", c.method, c.path, before.raw, after.raw)
		}
		s.do(c.method, c.path, c.body, "If-None-Match: "+tag).refuses(412, "", tag, "If-None-Match")
		r := s.do(c.method, c.path, c.body, "If-Match: "+`W/"other", `+tag, `If-None-Match: W/"another"`)
		if r.status >= 300 {
			t.Errorf("%s %s: %d %s", c.method, c.path, r.status, r.raw)
		}
		if r.status == 200 && r.header.Get("ETag") == tag {
			t.Errorf("%s %s: the version is still %s", c.method, c.path, tag)
		}
		if r.status == 200 {
			r.sends("Content-Location", base+c.path)
		}
	}
	s.do("PUT", "/Users/"+s.user("carol"), `{"userName":"carol"}`, "If-Match: *").answers(200)
}

func TestVersionDependsOnOwnContentOnly(t *testing.T) {
	s := newService(t)
	alice, bob := s.user("alice"), s.user("bob")
	version := func(path string) string {
		t.Helper()
		r := s.do("GET", path, "").answers(200)
		return r.sends("ETag", r.text("meta.version")).header.Get("ETag")
	}
	user, g := version("/Users/"+alice), s.group("Admins", alice, bob)
	group := version("/Groups/" + g)
	unchanged := func(path, was, why string) {
		t.Helper()
		if is := version(path); is != was {
			t.Errorf("%s: version %s became %s", why, was, is)
		}
	}
	unchanged("/Users/"+alice, user, "a group more")
	s.do("PATCH", "/Groups/"+g, patchJSON(`{"op":"replace","path":"members","value":`+membersJSON(bob, alice)+`}`)).answers(200)
	unchanged("/Groups/"+g, group, "members in another order")
	s.do("PATCH", "/Users/"+bob, patchJSON(`{"op":"replace","path":"displayName","value":"Bob"}`)).answers(200)
	unchanged("/Groups/"+g, group, "a member of another name")
	s.do("PATCH", "/Users/"+alice, patchJSON(`{"op":"add","path":"nickName","value":"Al"}`)).answers(200)
	if version("/Users/"+alice) == user {
		t.Error("an attribute more: the version is the same")
	}
	s.do("PATCH", "/Users/"+alice, patchJSON(`{"op":"remove","path":"nickName"}`)).answers(200)
	unchanged("/Users/"+alice, user, "the attribute is gone again")
	s.do("PATCH", "/Groups/"+g, patchJSON(`{"op":"remove","path":"members[value eq \"`+alice+`\"]"}`)).answers(200)
	if version("/Groups/"+g) == group {
		t.Error("a member less: the version is the same")
	}
}

func TestReplaceUser(t *testing.T) {
	s := newService(t)
	id := s.do("POST", "/Users", `{"userName":"alice","externalId":"00u1","nickName":"Al","active":false,
		"name":{"givenName":"Alice","familyName":"Smith"},"`+enterprise+`":{"department":"Sales"}}`).answers(201).id()
	g := s.group("Admins", id)
	created := s.do("GET", "/Users/"+id, "").answers(200)
	r := s.do("PUT", "/Users/"+id, `{"id":"other","meta":{"version":"x"},"groups":[],"password":"`+password+`",
		"userName":"alice","name":{"givenName":"Alicia"},"title":"CEO"}`).answers(200)
	r.has("id", id).has("meta.created", created.at("meta.created")).has("groups.0.value", g)
	r.has("externalId", nil).has("nickName", nil).has("title", "CEO").has("name.givenName", "Alicia").has("name.familyName", nil)
	r.has("schemas", 1)
	t.Log("active keeps its value if the body does not have it")
	r.has("active", false)
	s.do("PUT", "/Users/"+id, `{"userName":"alice","active":true}`).answers(200).has("active", true)
	s.do("PUT", "/Users/"+id, `{"userName":"alice","active":null}`).answers(200).has("active", true)
	s.do("PUT", "/Users/"+id, `{"userName":"alice","active":"False"}`).answers(200).has("active", false)
}

func TestReplaceIsIdempotent(t *testing.T) {
	s := newService(t)
	id := s.user("alice")
	body := `{"userName":"alice","title":"CEO","emails":[{"value":"a@example.com"},{"value":"b@example.com","primary":true}]}`
	once := s.do("PUT", "/Users/"+id, body).answers(200)
	if twice := s.do("PUT", "/Users/"+id, body).answers(200); twice.raw != once.raw {
		t.Errorf("once %s, twice %s", once.raw, twice.raw)
	}
	t.Log("a body that was read and is sent back changes nothing")
	if again := s.do("PUT", "/Users/"+id, once.raw).answers(200); again.raw != once.raw {
		t.Errorf("once %s, again %s", once.raw, again.raw)
	}
}

func TestReplaceGroup(t *testing.T) {
	s := newService(t)
	alice, bob := s.user("alice"), s.user("bob")
	id := s.group("Admins", alice)
	t.Log("a body without members keeps them")
	s.do("PUT", "/Groups/"+id, `{"displayName":"Others"}`).answers(200).has("displayName", "Others").has("members", 1)
	s.do("PUT", "/Groups/"+id, `{"displayName":"Others","members":`+membersJSON(bob)+`}`).answers(200).has("members", 1).has("members.0.value", bob)
	t.Log("an empty array removes all members")
	s.do("PUT", "/Groups/"+id, `{"displayName":"Others","members":[]}`).answers(200).has("members", 0)
}

func TestChangesOfAnUnknownIDAreRefused(t *testing.T) {
	s := newService(t)
	s.do("PUT", "/Users/absent", `{"userName":"alice"}`).refuses(404, "", "absent")
	s.do("PATCH", "/Users/absent", patchJSON(`{"op":"replace","path":"active","value":false}`)).refuses(404, "", "absent")
	s.do("DELETE", "/Users/absent", "").refuses(404, "", "absent")
	s.do("GET", "/Users", "").has("totalResults", 0)
}

func TestOnlyAnExplicitTrueActivatesAUser(t *testing.T) {
	s := newService(t)
	inactive := s.do("POST", "/Users", `{"userName":"alice","active":false}`).answers(201).id()
	active := s.do("POST", "/Users", `{"userName":"bob","active":true}`).answers(201).id()
	for _, operation := range []string{
		`{"op":"remove","path":"active"}`,
		`{"op":"replace","path":"active","value":null}`,
		`{"op":"replace","value":{"active":null}}`,
	} {
		s.do("PATCH", "/Users/"+inactive, patchJSON(operation)).refuses(400, "mutability", "active", "true")
		s.do("GET", "/Users/"+inactive, "").answers(200).has("active", false)
		s.do("PATCH", "/Users/"+active, patchJSON(operation)).answers(200).has("active", true)
	}
	s.do("GET", "/Users?filter=active+eq+true", "").answers(200).has("totalResults", 1).has("Resources.0.id", active)
	s.do("PATCH", "/Users/"+inactive, patchJSON(`{"op":"add","value":{"active":null,"title":"CEO"}}`)).answers(200).has("active", false).has("title", "CEO")
	s.do("PUT", "/Users/"+inactive, `{"userName":"alice","active":null}`).answers(200).has("active", false)
	s.do("PATCH", "/Users/"+inactive, patchJSON(`{"op":"replace","path":"active","value":true}`)).answers(200).has("active", true)
}

func TestPatchIsAllOrNothing(t *testing.T) {
	s := newService(t)
	u, g := s.user("alice"), s.group("Admins")
	for path, operations := range map[string]string{
		"/Users/" + u:  `{"op":"replace","path":"title","value":"CEO"},{"op":"remove","path":"userName"}`,
		"/Groups/" + g: `{"op":"add","path":"members","value":` + membersJSON(u) + `},{"op":"replace","path":"displayName","value":""}`,
	} {
		before := s.do("GET", path, "").answers(200)
		s.do("PATCH", path, patchJSON(operations)).refuses(400, "mutability", "Name")
		if after := s.do("GET", path, ""); after.raw != before.raw {
			t.Errorf("was %s, is %s", before.raw, after.raw)
		}
	}
}

// Unknown members do not keep the known ones from being added.
func TestFullPush(t *testing.T) {
	s := newService(t)
	alice := s.user("alice")
	id := s.group("Everyone")
	const one = `{"value":"firstname-lastname-example-com-%06d-x7k2p","display":"firstname.lastname.%06d@subsidiary.example.com","$ref":null},`
	if size := len(fmt.Sprintf(one, 0, 0)) * limits.Members; size > limits.GroupBody {
		t.Errorf("a push of %d members is %d bytes, more than the limit of %d", limits.Members, size, limits.GroupBody)
	}
	var body strings.Builder
	for i := range 5_000 {
		fmt.Fprintf(&body, one, i, i)
	}
	s.do("PUT", "/Groups/"+id, `{"displayName":"Everyone","members":[`+body.String()+`{"value":"`+alice+`"}]}`).answers(200).has("members", 1)
}

// RFC 7644 section 3.5.2 permits a 204 unless the client sends the parameter attributes.
func TestPatchOfALargeGroup(t *testing.T) {
	s := newService(t)
	var ids []string
	for i := range 1001 {
		ids = append(ids, s.directUser(fmt.Sprintf("user%d", i)))
	}
	id := s.group("Everyone", ids[:1000]...)
	add := patchJSON(`{"op":"add","path":"members","value":` + membersJSON(ids[1000]) + `}`)
	remove := patchJSON(`{"op":"remove","path":"members","value":` + membersJSON(ids[1000]) + `}`)
	if r := s.do("PATCH", "/Groups/"+id, add).answers(204).sends("Content-Type", ""); r.raw != "" {
		t.Errorf("a 204 has the body %s", r.raw)
	}
	s.do("PATCH", "/Groups/"+id+"?attributes=members", add).answers(200).has("members", 1001)
	s.do("PATCH", "/Groups/"+id+"?attributes=displayName", add).answers(200).has("displayName", "Everyone").has("members", nil)
	s.do("PATCH", "/Groups/"+id+"?excludedAttributes=members", add).answers(200).has("displayName", "Everyone").has("members", nil)
	s.do("PATCH", "/Groups/"+id, remove).answers(200).has("members", 1000)
}

func (s *service) directUser(userName string) string {
	s.t.Helper()
	r, err := s.store.Create(s.t.Context(), schema.User, schema.Object{}.With(schema.UserName, userName), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return r.ID
}

// A large group is written in parts, alone or in a list.
func TestLargeGroups(t *testing.T) {
	s := newService(t)
	users := make([]string, limits.EchoedMembers+1)
	for i := range users {
		users[i] = s.user(fmt.Sprintf("user%d", i))
	}
	id := s.group("Large", users...)
	s.group("Small", users[0])
	g := s.do("GET", "/Groups/"+id, "").answers(200).sends("Content-Length", "").has("displayName", "Large").has("id", id).has("members", len(users))
	for i, user := range users {
		g.has(fmt.Sprintf("members.%d.value", i), user)
	}
	s.do("GET", "/Groups/"+id+"?attributes=members.value", "").answers(200).has("displayName", nil).has("members", len(users)).has("members.0.type", nil)
	s.do("GET", "/Groups/"+id+"?attributes=displayName", "").answers(200).has("members", nil)
	s.do("HEAD", "/Groups/"+id, "").answers(200).sends("Etag", g.header.Get("Etag"))
	r := s.do("GET", "/Groups", "").answers(200).has("totalResults", 2).has("Resources", 2).has("Resources.0.members", len(users)).has("Resources.1.displayName", "Small")
	r.sends("Content-Length", "")
	s.do("HEAD", "/Groups", "").answers(200)
	s.do("GET", "/Groups?excludedAttributes=members", "").answers(200).has("Resources.0.members", nil)
}

func TestDelete(t *testing.T) {
	s := newService(t)
	u := s.user("alice")
	g := s.group("Admins", u)
	for _, path := range []string{"/Users/" + u, "/Groups/" + g} {
		if r := s.do("DELETE", path, "").answers(204).sends("Content-Type", ""); r.raw != "" {
			t.Errorf("a 204 has the body %s", r.raw)
		}
		for _, c := range []struct{ method, body string }{
			{"GET", ""},
			{"DELETE", ""},
			{"PUT", `{"userName":"x","displayName":"x"}`},
			{"PATCH", patchJSON(`{"op":"replace","path":"displayName","value":"x"}`)},
		} {
			s.do(c.method, path, c.body).refuses(404, "", "does not exist")
		}
	}
}

func TestLists(t *testing.T) {
	s := newService(t)
	s.do("GET", "/Users", "").answers(200).has("schemas.0", "urn:ietf:params:scim:api:messages:2.0:ListResponse").
		has("totalResults", 0).has("startIndex", 1).has("itemsPerPage", 0).has("Resources", 0)
	for i := range 250 {
		s.directUser(fmt.Sprintf("user%03d", i))
	}
	for _, c := range []struct {
		query        string
		start, items int
	}{
		{"", 1, 100},
		{"?startIndex=1&count=100", 1, 100},
		{"?startIndex=201&count=100", 201, 50},
		{"?startIndex=251", 251, 0},
		{"?startIndex=99999999999999999999", 1<<31 - 1, 0},
		{"?startIndex=0&count=1", 1, 1},
		{"?startIndex=-99999999999999999999&count=1", 1, 1},
		{"?count=0", 1, 0},
		{"?count=-1", 1, 0},
		{"?count=1000", 1, 200},
		{"?count=99999999999999999999", 1, 200},
		{"?filter=", 1, 100},
	} {
		r := s.do("GET", "/Users"+c.query, "").answers(200)
		r.has("totalResults", 250).has("startIndex", c.start).has("itemsPerPage", c.items).has("Resources", c.items)
		if c.items > 0 {
			r.has("Resources.0.userName", fmt.Sprintf("user%03d", c.start-1)).has("Resources.0.meta.location", base+"/Users/"+r.text("Resources.0.id"))
		}
	}
	for _, query := range []string{"count=x", "count=", "count=1.5", "startIndex=one", "startIndex=1e3", "startIndex=", "count=%zz"} {
		s.do("GET", "/Users?"+query, "").refuses(400, "invalidValue")
	}
}

func TestFilters(t *testing.T) {
	s := newService(t)
	id := s.do("POST", "/Users", `{"userName":"alice@example.com","externalId":"a;b&c"}`).answers(201).id()
	s.user("bob")
	for filter, total := range map[string]int{
		`userName eq "ALICE@example.com"`: 1,
		`externalId eq "a;b&c"`:           1,
		`id eq "` + id + `"`:              1,
		`userName eq "absent"`:            0,
		`active eq true`:                  2,
	} {
		s.do("GET", "/Users?filter="+url.QueryEscape(filter), "").answers(200).has("totalResults", total).has("Resources", total)
	}
	t.Log("a semicolon that the client did not escape")
	s.do("GET", "/Users?filter=externalId%20eq%20%22a;b%26c%22", "").answers(200).has("totalResults", 1)
	for _, filter := range []string{`userName`, `userName eq`, `userName xx "a"`, `nonsense eq "a"`, `(userName eq "a"`, `userName eq "a" and`} {
		s.do("GET", "/Users?filter="+url.QueryEscape(filter), "").refuses(400, "invalidFilter", "position")
	}
}

func TestEveryResponseHasTheSelectedAttributes(t *testing.T) {
	s := newService(t)
	alice := s.do("POST", "/Users?attributes=userName", `{"userName":"alice","name":{"givenName":"Alice","familyName":"Smith"},"title":"CEO"}`).
		answers(201).has("userName", "alice").has("title", nil).has("schemas", 1).id()
	g := s.group("Admins", alice)
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/Users/" + alice, ""},
		{"PUT", "/Users/" + alice, `{"userName":"alice","name":{"givenName":"Alice","familyName":"Smith"},"title":"CEO"}`},
		{"PATCH", "/Users/" + alice, patchJSON(`{"op":"replace","path":"title","value":"CEO"}`)},
	} {
		s.do(c.method, c.path+"?attributes=name.givenName", c.body).answers(200).
			has("name.givenName", "Alice").has("name.familyName", nil).has("userName", nil).has("meta", nil).has("id", alice).has("schemas", 1)
		s.do(c.method, c.path+"?excludedAttributes=name,groups", c.body).answers(200).
			has("name", nil).has("groups", nil).has("title", "CEO").has("meta.resourceType", "User")
		s.do(c.method, c.path+"?attributes=title&attributes=groups", c.body).answers(200).has("title", "CEO").has("groups.0.value", g)
	}
	s.do("GET", "/Users?attributes=userName", "").answers(200).has("Resources.0.userName", "alice").has("Resources.0.title", nil)
	s.do("GET", "/Groups?attributes=members.value", "").answers(200).
		has("Resources.0.members.0.value", alice).has("Resources.0.members.0.display", nil).has("Resources.0.displayName", nil)
	s.do("GET", "/Groups/"+g+"?excludedAttributes=members.$ref,members.display", "").answers(200).
		has("members.0.value", alice).has("members.0.type", "User").has("members.0.$ref", nil).has("members.0.display", nil)
}

// The version needs the members, and is left out too.
func TestExcludedMembersAreNotRead(t *testing.T) {
	s := newService(t)
	g := s.group("Admins", s.user("alice"))
	watched := &omitRecorder{Store: s.store.Store}
	s.store.Store = watched
	for _, path := range []string{"/Groups/" + g + "?excludedAttributes=members", "/Groups/" + g + "?attributes=displayName"} {
		s.do("GET", path, "").answers(200).has("displayName", "Admins").has("members", nil).has("meta.version", nil).sends("ETag", "")
	}
	if watched.read {
		t.Error("the members were read")
	}
}

func TestDiscovery(t *testing.T) {
	s := newService(t)
	c := s.do("GET", "/ServiceProviderConfig", "").answers(200)
	c.has("schemas.0", "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig").has("meta.location", base+"/ServiceProviderConfig")
	c.has("patch.supported", true).has("bulk.supported", true).has("bulk.maxOperations", 1000.0).has("bulk.maxPayloadSize", float64(16<<20))
	c.has("filter.supported", true).has("filter.maxResults", 200).has("changePassword.supported", false)
	c.has("pagination.cursor", true).has("pagination.index", true).has("pagination.defaultPaginationMethod", "index")
	c.has("pagination.defaultPageSize", 100.0).has("pagination.maxPageSize", 200.0).has("pagination.cursorTimeout", nil)
	c.has("sort.supported", true).has("etag.supported", true).has("authenticationSchemes.0.type", "oauthbearertoken")

	types := s.do("GET", "/ResourceTypes", "").answers(200).has("totalResults", 2).has("itemsPerPage", 2).has("Resources", 2)
	types.has("Resources.0.id", "User").has("Resources.0.endpoint", "/Users").has("Resources.0.schema", schema.UserSchema.ID)
	types.has("Resources.0.schemaExtensions.0.schema", enterprise).has("Resources.0.schemaExtensions.0.required", false)
	types.has("Resources.1.id", "Group").has("Resources.1.schemaExtensions", 0)
	s.do("GET", "/ResourceTypes/User", "").answers(200).has("name", "User").has("meta.location", base+"/ResourceTypes/User")
	s.do("GET", "/ResourceTypes/Device", "").refuses(404, "", "Device")

	schemas := s.do("GET", "/Schemas", "").answers(200).has("totalResults", 3).has("Resources", 3)
	for i := range 3 {
		id := schemas.text(fmt.Sprintf("Resources.%d.id", i))
		r := s.do("GET", "/Schemas/"+id, "").answers(200).has("id", id).has("meta.location", base+"/Schemas/"+id).has("meta.resourceType", "Schema")
		r.has("schemas.0", "urn:ietf:params:scim:schemas:core:2.0:Schema")
		if attributes, _ := r.at("attributes").([]any); len(attributes) == 0 || valueAt(attributes[0], "mutability") == nil {
			t.Errorf("%s has the attributes %v", id, attributes)
		}
		s.do("GET", "/Schemas/"+strings.ToUpper(id), "").answers(200).has("id", id)
	}
	for _, path := range []string{"/Schemas", "/ResourceTypes"} {
		s.do("GET", path+"?filter="+url.QueryEscape(`id eq "User"`), "").refuses(403, "", "filtered")
	}
}

// omitRecorder records whether a read asked for members.
type omitRecorder struct {
	scim.Store
	read bool
}

func (o *omitRecorder) Get(ctx context.Context, rt *schema.ResourceType, id string, omit scim.Omit) (*scim.Resource, error) {
	o.read = o.read || !omit.Members
	return o.Store.Get(ctx, rt, id, omit)
}
