package storetest

import (
	"fmt"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

var filters = []behaviour{
	{"a user is found by any attribute", func(s *store) {
		alice := s.createdUser(everything())
		s.createdUser(inactive(withExternalID(user("bob"), "00u2")))
		for _, f := range []string{
			`userName eq "alice"`, `userName eq "ALICE"`, `USERNAME eq "alice"`,
			`urn:ietf:params:scim:schemas:core:2.0:User:userName eq "alice"`,
			`externalId eq "00u1EVERYTHING"`,
			fmt.Sprintf("id eq %q", alice.ID),
			`userName eq "alice" and active eq true`, `active eq true and userName eq "alice"`,
			`userName eq "alice" or userName eq "absent"`, `not (userName eq "bob")`,
			`active eq true`, `userName sw "al"`, `title pr`, `name.familyName eq "smith"`,
			`emails eq "alice@example.com"`, `emails.value ew "@home.example"`,
			`emails[type eq "work" and value co "@example.com"]`, `emails[primary eq true and type eq "work"]`,
			`emails[primary eq false and type eq "home"]`, `emails[primary eq false and type eq "other"]`, // absent means false
			`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "Tour Operations"`,
		} {
			s.equal(s.findIDs(schema.User, f), []string{alice.ID}, f)
		}
	}},
	{"a user that does not match is not found", func(s *store) {
		s.createdUser(everything())
		for _, f := range []string{
			`userName eq "absent"`, `userName eq ""`, `id eq "absent"`, `externalId eq "00u2"`,
			`externalId eq "00U1everything"`, `externalId eq ""`, // externalId is caseExact: RFC 7643 section 3.1
			`userName eq "alice" and active eq false`, `externalId eq "00u1EVERYTHING" and userName eq "bob"`,
			`emails[type eq "home" and value co "@example.com"]`, `emails[primary eq false and type eq "work"]`,
		} {
			s.equal(s.findIDs(schema.User, f), nil, f)
		}
	}},
	{"a name is found in every spelling", func(s *store) {
		for _, name := range spellings {
			r := s.createdUser(user(name[0]))
			s.equal(s.findIDs(schema.User, fmt.Sprintf(`userName eq "%s"`, name[1])), []string{r.ID}, name[1])
			s.deleted(r)
			g := s.created(schema.Group, group(name[0]))
			s.equal(s.findIDs(schema.Group, fmt.Sprintf(`displayName eq "%s"`, name[1])), []string{g.ID}, name[1])
			s.deleted(g)
		}
	}},
	{"a group is found by any attribute, and by its members", func(s *store) {
		alice := s.users("alice")[0]
		g := s.created(schema.Group, withExternalID(group("Admins"), "g1"), alice)
		s.created(schema.Group, group("Others"))
		query := scim.Query{StartIndex: 1, Count: 10, Omit: scim.Omit{Members: true}}
		for _, f := range []string{
			`displayName eq "admins"`, `externalId eq "g1"`, fmt.Sprintf("id eq %q", g.ID),
			fmt.Sprintf("members.value eq %q", alice), fmt.Sprintf("members[value eq %q]", alice), `members pr`,
			fmt.Sprintf(`displayName eq "Admins" and members.value eq %q`, alice),
			fmt.Sprintf(`id eq %q and members eq %q`, g.ID, alice),
		} {
			s.equal(s.findIDs(schema.Group, f), []string{g.ID}, f)
			query.Filter = s.parseFilter(schema.Group, f)
			s.equal(ids(s.listed(schema.Group, query).Resources), []string{g.ID}, f+", members omitted")
		}
		s.equal(s.findIDs(schema.User, fmt.Sprintf("groups.value eq %q", g.ID)), []string{alice}, "user by group")
	}},
	{"a resource is found by created and lastModified", func(s *store) {
		r := s.createdUser(user("alice"))
		s.equal(s.findIDs(schema.User, `meta.lastModified gt "2011-05-13T04:42:34Z"`), []string{r.ID}, "since 2011")
		s.equal(s.findIDs(schema.User, `meta.created lt "2011-05-13T04:42:34Z"`), nil, "before 2011")
		s.equal(s.findIDs(schema.User, `meta.resourceType eq "User"`), []string{r.ID}, "by type")
	}},
	{"a filter sees every change immediately", func(s *store) {
		r := s.createdUser(withExternalID(user("alice"), "00u1"))
		s.set(r, schema.UserName, "bob")
		s.equal(s.findIDs(schema.User, `userName eq "alice"`), nil, "by the old name")
		s.equal(s.findIDs(schema.User, `userName eq "bob"`), []string{r.ID}, "by the new name")
		s.set(r, schema.ExternalID, "00u2")
		s.equal(s.findIDs(schema.User, `externalId eq "00u1"`), nil, "by the old externalId")
		s.equal(s.findIDs(schema.User, `externalId eq "00u2"`), []string{r.ID}, "by the new externalId")
		s.set(r, schema.Active, false)
		s.equal(s.findIDs(schema.User, `active eq false`), []string{r.ID}, "by active")
		s.deleted(r)
		for _, f := range []string{`userName eq "bob"`, `externalId eq "00u2"`, fmt.Sprintf("id eq %q", r.ID), `userName pr`} {
			s.equal(s.findIDs(schema.User, f), nil, "deleted, by "+f)
		}
	}},
}
