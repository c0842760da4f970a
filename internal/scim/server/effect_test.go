package server_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
	"github.com/cloudsso/cloudsso-operator/internal/scim/server"
)

// did compares what the last request has done, and each change as "name before after".
func (s *service) did(effects []server.Effect, changes ...string) {
	s.t.Helper()
	r := s.record()
	var got []string
	for _, c := range r.Changes {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s", c.Name, c.Before(), c.After())))
	}
	if !reflect.DeepEqual(r.Effects, effects) || !reflect.DeepEqual(got, changes) {
		s.t.Errorf("%s %s: effects %v, changes %q; want %v, %q", r.Method, r.Route, r.Effects, got, effects, changes)
	}
}

func TestRecordSaysWhatAUserRequestHasDone(t *testing.T) {
	s := newService(t)
	did := func(effects ...server.Effect) []server.Effect { return effects }
	alice := "/Users/" + s.do("POST", "/Users", `{"userName":"alice","externalId":"00u1","password":"`+password+`","name":{"givenName":"Alice"}}`).answers(201).id()
	s.did(did(server.EffectCreated), `externalId  "00u1"`, `userName  "alice"`, `name.givenName  "Alice"`, `active  true`)
	s.do("PATCH", alice, patchJSON(`{"op":"replace","path":"active","value":false}`)).answers(200)
	s.did(did(server.EffectDeactivated), "active true false")
	s.do("PATCH", alice, patchJSON(`{"op":"replace","path":"active","value":false}`)).answers(200)
	s.did(nil)
	s.do("PATCH", alice, patchJSON(`{"op":"replace","path":"password","value":"`+password+`"}`)).answers(200)
	s.did(nil)
	s.do("POST", "/Users", `{"userName":"alice","externalId":"00u1","name":{"givenName":"Alice"},"active":true}`).answers(201)
	s.did(did(server.EffectRestored, server.EffectReactivated), "active false true")
	s.do("PUT", alice, `{"userName":"anna","externalId":"00u1","name":{"familyName":"Li"},"emails":[{"value":"a@x"}],
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":"7"}}}`).answers(200)
	s.did(did(server.EffectRenamed), `userName "alice" "anna"`, `name.familyName  "Li"`, `name.givenName "Alice"`, `emails  [{"value":"a@x"}]`,
		`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value  "7"`)
	s.do("DELETE", alice, "").answers(204)
	s.did(did(server.EffectDeprovisioned))
	s.names("anna", "00u1")
	s.do("DELETE", alice, "").answers(404)
	s.did(nil)
}

func TestRecordSaysWhatAGroupRequestHasDone(t *testing.T) {
	s := newService(t)
	alice, bob := s.createUser("alice"), s.createUser("bob")
	staff := "/Groups/" + s.do("POST", "/Groups", `{"displayName":"Staff","members":[{"value":"`+alice+`"}]}`).answers(201).id()
	s.did([]server.Effect{server.EffectCreated}, `displayName  "Staff"`)
	s.moved(scim.SampleMembers([]string{alice}), scim.MemberSample{})
	s.do("PATCH", staff, patchJSON(`{"op":"add","path":"members","value":[{"value":"`+alice+`"},{"value":"`+bob+`"}]},{"op":"remove","path":"members[value eq \"`+alice+`\"]"}`)).answers(200)
	s.did(nil)
	s.moved(scim.SampleMembers([]string{bob}), scim.SampleMembers([]string{alice}))
	s.do("PUT", staff, `{"displayName":"All staff","members":[]}`).answers(200)
	s.did([]server.Effect{server.EffectRenamed}, `displayName "Staff" "All staff"`)
	s.moved(scim.MemberSample{}, scim.SampleMembers([]string{bob}))
	s.do("DELETE", staff, "").answers(204)
	s.did([]server.Effect{server.EffectDeleted})
	s.names("All staff", "")
}

// names compares which resource the last request was about.
func (s *service) names(name, externalID string) {
	s.t.Helper()
	if r := s.record(); r.Name != name || r.ExternalID != externalID {
		s.t.Errorf("%s %s is recorded as of %q, %q, want %q, %q", r.Method, r.Route, r.Name, r.ExternalID, name, externalID)
	}
}

func (s *service) moved(added, removed scim.MemberSample) {
	s.t.Helper()
	if r := s.record(); !reflect.DeepEqual(r.Added, added) || !reflect.DeepEqual(r.Removed, removed) {
		s.t.Errorf("added %+v, removed %+v; want %+v, %+v", r.Added, r.Removed, added, removed)
	}
}

func (s *service) createUser(userName string) (id string) {
	s.t.Helper()
	return s.do("POST", "/Users", `{"userName":"`+userName+`"}`).answers(201).id()
}

// requestStore records the request that each call is part of.
type requestStore struct {
	scim.Store
	seen []scim.Request
}

func (r *requestStore) note(ctx context.Context) {
	request, _ := scim.RequestOf(ctx)
	r.seen = append(r.seen, request)
}

func (r *requestStore) Create(ctx context.Context, rt *schema.ResourceType, attributes schema.Object, members []string) (*scim.Resource, error) {
	r.note(ctx)
	return r.Store.Create(ctx, rt, attributes, members)
}

func (r *requestStore) Update(ctx context.Context, rt *schema.ResourceType, id string, change scim.Change) (*scim.Resource, error) {
	r.note(ctx)
	return r.Store.Update(ctx, rt, id, change)
}

func (r *requestStore) Delete(ctx context.Context, rt *schema.ResourceType, id string, precondition scim.Precondition) (*scim.Resource, error) {
	r.note(ctx)
	return r.Store.Delete(ctx, rt, id, precondition)
}

func TestStoreLearnsOfWhichRequestAChangeIsPart(t *testing.T) {
	s := newService(t)
	store := &requestStore{Store: s.store.Store}
	s.store.Store = store
	alice := "/Users/" + s.createUser("alice")
	s.do("PUT", alice, `{"userName":"alice"}`).answers(200)
	s.do("PATCH", alice, patchJSON(`{"op":"replace","path":"active","value":false}`)).answers(200)
	s.do("DELETE", alice, "").answers(204)
	s.do("POST", "/Bulk", `{"Operations":[{"method":"DELETE","path":"/Users/x"}]}`).answers(200)
	for i, want := range []string{"Create", "Replace", "Modify", "Delete", "Delete"} {
		got := store.seen[i]
		if got != (scim.Request{ID: s.records[i].RequestID, Subject: "acme/okta", Operation: want}) {
			t.Errorf("call %d is part of %+v, want %s", i, got, want)
		}
	}
}

func TestChangeThatMayNotBeginChangesNothing(t *testing.T) {
	var asked []server.Record
	refusal := errors.New("no")
	s := newService(t, func(o *server.Options) {
		o.BeforeChange = func(r server.Record) error {
			asked = append(asked, r)
			return refusal
		}
	})
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/Users", `{"userName":"alice"}`},
		{"PUT", "/Users/x", `{"userName":"alice"}`},
		{"PATCH", "/Users/x", patchJSON(`{"op":"replace","path":"active","value":false}`)},
		{"DELETE", "/Users/x", ""},
	} {
		s.do(c.method, c.path, c.body).answers(500)
		if r := asked[len(asked)-1]; r.Method != c.method || r.Subject != "acme/okta" || r.RequestID == "" {
			t.Errorf("%s %s: asked about %+v", c.method, c.path, r)
		}
	}
	s.do("POST", "/Users", `{}`).answers(400)
	s.do("GET", "/Users", "").answers(200).has("totalResults", 0.)
	if len(asked) != 4 {
		t.Errorf("asked %d times, want once for each valid change", len(asked))
	}
	refusal = nil
	s.createUser("alice")
}
