package server_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
	"github.com/cloudsso/cloudsso-operator/internal/scim/server"
)

// Requests as providers send them, where one of them has broken a service before.

func TestOktaUser(t *testing.T) {
	s := newService(t)
	t.Log("connection test, and the search for the user")
	s.do("GET", "/Users?count=1&startIndex=1", "").answers(200).has("totalResults", 0)
	s.do("GET", "/Users?filter="+url.QueryEscape(`userName eq "test.user@okta.local"`)+"&startIndex=1&count=100", "").answers(200).has("Resources", 0)
	t.Log("create, with a password that means nothing, and empty values")
	created := s.do("POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"test.user@okta.local",
		"name":{"givenName":"Test","familyName":"User"},"emails":[{"primary":true,"value":"test.user@okta.local","type":"work"}],
		"displayName":"Test User","locale":"en-US","nickName":"","externalId":"00ujl29u0le5T6Aj10h7","groups":[],
		"password":"`+password+`","active":true}`).answers(201).has("externalId", "00ujl29u0le5T6Aj10h7").has("nickName", nil)
	id := created.id()
	t.Log("update: what was read, with read-only attributes, merged and sent back")
	merged := strings.Replace(created.raw, `"Test User"`, `"Test Changed"`, 1)
	s.do("PUT", "/Users/"+id, merged).answers(200).has("displayName", "Test Changed").has("active", true)
	t.Log("deactivate, without a path and by PUT; reactivate")
	s.do("PATCH", "/Users/"+id, patchJSON(`{"op":"replace","value":{"active":false}}`)).answers(200).has("active", false)
	s.do("PATCH", "/Users/"+id, patchJSON(`{"op":"replace","value":{"active":true}}`)).answers(200).has("active", true)
	s.do("PUT", "/Users/"+id, strings.Replace(merged, `"active":true`, `"active":false`, 1)).answers(200).has("active", false)
	s.do("GET", "/Users?filter="+url.QueryEscape(`userName eq "test.user@okta.local"`), "").answers(200).has("Resources.0.active", false)
	t.Log("a leaver is created anew, with the externalId of old")
	s.do("POST", "/Users", `{"userName":"test.user@okta.local","externalId":"00ujl29u0le5T6Aj10h7","active":true}`).
		answers(201).has("id", id).has("active", true)
}

func TestOktaGroup(t *testing.T) {
	s := newService(t)
	alice, bob := s.user("alice"), s.user("bob")
	id := s.do("POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Test SCIMv2","members":[]}`).
		answers(201).has("members", 0).id()
	s.do("GET", "/Groups?filter="+url.QueryEscape(`displayName eq "Test SCIMv2"`)+"&startIndex=1&count=100", "").answers(200).has("Resources.0.id", id)
	rename := `{"op":"replace","value":{"id":"` + id + `","displayName":"Test SCIMv2"}}`
	t.Log("a rename to the same name, with the id, and members without a type")
	s.do("PATCH", "/Groups/"+id, patchJSON(rename+`,{"op":"add","path":"members","value":[{"value":"`+alice+`","display":"alice"}]}`)).answers(200).has("members.0.value", alice)
	t.Log("one member out and one in")
	s.do("PATCH", "/Groups/"+id, patchJSON(`{"op":"remove","path":"members[value eq \"`+alice+`\"]"},
		{"op":"add","path":"members","value":[{"value":"`+bob+`","display":"bob"}]}`)).answers(200).has("members", 1).has("members.0.value", bob)
	t.Log("full push, with and without a path; empty group")
	s.do("PATCH", "/Groups/"+id, patchJSON(`{"op":"replace","path":"members","value":`+membersJSON(alice, bob)+`}`)).answers(200).has("members", 2)
	s.do("PATCH", "/Groups/"+id, patchJSON(`{"op":"replace","value":{"members":`+membersJSON(bob)+`,"id":"`+id+`","displayName":"New"}}`)).
		answers(200).has("members", 1).has("displayName", "New")
	s.do("PATCH", "/Groups/"+id, patchJSON(`{"op":"replace","path":"members","value":[]}`)).answers(200).has("members", 0)
	t.Log("after a rename by PUT the old name is free, and the own is no conflict")
	s.do("PUT", "/Groups/"+id, `{"displayName":"New","members":`+membersJSON(alice)+`}`).answers(200).has("members", 1)
	s.group("Test SCIMv2")
	s.do("DELETE", "/Groups/"+id, "").answers(204)
	s.do("GET", "/Users/"+alice, "").answers(200).has("active", true)
}

func TestEntraUser(t *testing.T) {
	s := newService(t)
	s.do("GET", "/Users?filter="+url.QueryEscape(`userName eq "3a8d0a5c-3a4a-4b5c-8a9d-0d6f9f1d2c3b"`), "").answers(200).has("totalResults", 0)
	r := s.do("POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","`+enterprise+`"],
		"externalId":"0a21f0f2","userName":"test@contoso.com","active":"True","addresses":null,"displayName":"lennay","emails":[{"type":"work","value":"test@contoso.com"}],
		"meta":{"resourceType":"User"},"name":{"formatted":"givenName familyName"},"roles":[],"`+enterprise+`":{"department":"Sales","manager":null}}`).
		answers(201).has("active", true).has("roles", nil).has("addresses", nil)
	id := r.id()
	t.Log("operations in upper case, a boolean as a string, a path to a value that is or is not there")
	r = s.do("PATCH", "/Users/"+id, patchJSON(`{"op":"Replace","path":"active","value":"False"},
		{"op":"Replace","path":"emails[type eq \"work\"].value","value":"updated@contoso.com"},
		{"op":"Add","path":"phoneNumbers[type eq \"mobile\"].value","value":"+1 555"},
		{"op":"Replace","path":"name.familyName","value":"Doe"},
		{"op":"Add","path":"`+enterprise+`:department","value":"IT"},
		{"op":"Replace","path":"userName","value":"renamed@contoso.com"}`)).answers(200)
	r.has("active", false).has("emails", 1).has("emails.0.value", "updated@contoso.com").has("userName", "renamed@contoso.com")
	r.has("phoneNumbers.0.value", "+1 555").has("phoneNumbers.0.type", "mobile").has("name.familyName", "Doe").has("name.formatted", "givenName familyName")
	if got := at(r.body[enterprise], "department"); got != "IT" {
		t.Errorf("department is %v", got)
	}
	t.Log("with the flag: dotted names and URNs in a value without a path")
	r = s.do("PATCH", "/Users/"+id, patchJSON(`{"op":"replace","value":{"name.givenName":"Jane","`+enterprise+`:employeeNumber":"42","active":true}}`)).answers(200)
	r.has("name.givenName", "Jane").has("name.familyName", "Doe").has("active", true)
	if got := at(r.body[enterprise], "employeeNumber"); got != "42" {
		t.Errorf("employeeNumber is %v", got)
	}
	t.Log("a filter without quotes")
	s.do("GET", "/Users?filter="+url.QueryEscape(`externalId eq 0a21f0f2`), "").answers(200).has("totalResults", 1)
	s.do("DELETE", "/Users/"+id, "").answers(204)
}

func TestEntraGroup(t *testing.T) {
	s := newService(t)
	alice, bob := s.user("alice"), s.user("bob")
	id := s.do("POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group","http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
		"externalId":"8aa1a0c0","displayName":"displayName","meta":{"resourceType":"Group"}}`).answers(201).id()
	s.do("GET", "/Groups/"+id+"?excludedAttributes=members", "").answers(200).has("members", nil)
	s.do("GET", "/Groups?excludedAttributes=members&filter="+url.QueryEscape(`displayName eq "displayName"`), "").answers(200).has("totalResults", 1).has("Resources.0.members", nil)
	s.do("PATCH", "/Groups/"+id, patchJSON(`{"op":"Add","path":"members","value":[{"$ref":null,"value":"`+alice+`"},{"$ref":null,"value":"`+bob+`"}]}`)).answers(200).has("members", 2)
	t.Log("a removal with a list of values leaves the others")
	s.do("PATCH", "/Groups/"+id, patchJSON(`{"op":"Remove","path":"members","value":[{"$ref":null,"value":"`+alice+`"}]}`)).answers(200).has("members", 1).has("members.0.value", bob)
	s.do("PATCH", "/Groups/"+id, patchJSON(`{"op":"Replace","path":"displayName","value":"1879db59"}`)).answers(200).has("displayName", "1879db59")
	s.do("DELETE", "/Groups/"+id, "").answers(204)
}

func TestOtherProviders(t *testing.T) {
	s := newService(t)
	t.Log("JumpCloud makes a test user and group, and deletes them")
	u := s.user("test_user_jc")
	g := s.group("test_group_jc", u)
	s.do("DELETE", "/Users/"+u, "").answers(204)
	s.do("GET", "/Groups/"+g, "").answers(200).has("members", 0)
	s.do("DELETE", "/Groups/"+g, "").answers(204)
	t.Log("OneLogin takes plain JSON, and has no User-Agent")
	s.do("GET", "/Users", "", "Accept: application/json", "User-Agent: ").answers(200).sends("Content-Type", "application/json")
	t.Log("authentik reads the configuration first, filters without quotes, and PUTs groups that may be empty")
	s.do("GET", "/ServiceProviderConfig", "").answers(200).has("patch.supported", true)
	id := s.user("akadmin")
	s.do("GET", "/Users?filter=userName+eq+akadmin", "").answers(200).has("Resources.0.id", id)
	g = s.group("authentik Admins", id)
	s.do("PUT", "/Groups/"+g, `{"id":"`+g+`","displayName":"authentik Admins","externalId":"x","members":[]}`).answers(200).has("members", 0)
	t.Log("CloudSSO's clients clear a group, then add")
	g = s.group("Sales", id)
	s.do("PATCH", "/Groups/"+g, patchJSON(`{"op":"remove","path":"members"}`)).answers(200).has("members", 0)
	s.do("PATCH", "/Groups/"+g, patchJSON(`{"op":"add","path":"members","value":[{"value":"`+id+`"}]}`)).answers(200).has("members", 1)
	t.Log("Ping may create users who are disabled already")
	s.do("POST", "/Users", `{"userName":"ping","active":false}`).answers(201).has("active", false)
}

// A full push of the largest group fits into the limit of a body, and members that are not known do not
// keep out those that are.
func TestFullPush(t *testing.T) {
	s := newService(t)
	alice := s.user("alice")
	id := s.group("Everyone")
	const one = `{"value":"firstname-lastname-example-com-%06d-x7k2p","display":"firstname.lastname.%06d@subsidiary.example.com","$ref":null},`
	if size := len(fmt.Sprintf(one, 0, 0)) * schema.MaxMembers; size > server.DefaultGroupBody {
		t.Errorf("a push of %d members is %d bytes, more than the limit of %d", schema.MaxMembers, size, server.DefaultGroupBody)
	}
	var body strings.Builder
	for i := range 5_000 {
		fmt.Fprintf(&body, one, i, i)
	}
	s.do("PUT", "/Groups/"+id, `{"displayName":"Everyone","members":[`+body.String()+`{"value":"`+alice+`"}]}`).answers(200).has("members", 1)
}
