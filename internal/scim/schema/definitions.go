package schema

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
)

//go:embed definitions/*.json
var definitions embed.FS

// The schemas, from definitions/: RFC 7643 section 8.7.1, with the characteristics that this service has.
var (
	UserSchema       = load("user")
	GroupSchema      = load("group")
	EnterpriseSchema = load("enterprise")
	common           = load("common")
)

// The resource types.
var (
	User = newResourceType(ResourceType{
		Name: "User", Endpoint: "/Users", Description: "User Account",
		Schema: UserSchema, Extensions: []Extension{extension(EnterpriseSchema)},
	})
	Group = newResourceType(ResourceType{Name: "Group", Endpoint: "/Groups", Description: "Group", Schema: GroupSchema})

	// ResourceTypes are all of them, in the order of discovery.
	ResourceTypes = []*ResourceType{User, Group}
	// Published are the schemas of discovery, in its order.
	Published = []*Schema{UserSchema, GroupSchema, EnterpriseSchema}
)

// Attributes that code names. The common ones are the same for every resource type.
var (
	Schemas    = common.must("schemas")
	ID         = common.must("id")
	ExternalID = common.must("externalId")
	Meta       = common.must("meta")

	UserName   = UserSchema.must("userName")
	Name       = UserSchema.must("name")
	Active     = UserSchema.must("active")
	Password   = UserSchema.must("password")
	Groups     = UserSchema.must("groups")
	Enterprise = User.Extensions[0].Attribute

	UserDisplayName  = UserSchema.must("displayName")
	GroupDisplayName = GroupSchema.must("displayName")
	Members          = GroupSchema.must("members")
	MembersValue     = Members.Sub("value")
)

// shownOnly are attributes that answers are given when they are written, and no filter or order sees: URLs,
// and the version.
var shownOnly = []*Attribute{Meta.Sub("location"), Meta.Sub("version"), Members.Sub("$ref"), Groups.Sub("$ref")}

// Searchable reports whether lists can be filtered and sorted by the attribute. What is never returned could
// otherwise be guessed at, letter by letter.
func (a *Attribute) Searchable() bool {
	return a.Returned != ReturnedNever && !slices.Contains(shownOnly, a)
}

func load(name string) *Schema {
	data, err := definitions.ReadFile("definitions/" + name + ".json")
	if err != nil {
		panic(err)
	}
	s := &Schema{}
	if err := json.Unmarshal(data, s); err != nil {
		panic(fmt.Sprintf("definitions/%s.json: %v", name, err))
	}
	for _, a := range s.Attributes {
		a.settle()
	}
	return s
}

func (s *Schema) must(name string) *Attribute {
	a := s.Attribute(name)
	if a == nil {
		panic(fmt.Sprintf("schema %s has no attribute %s", s.Name, name))
	}
	return a
}

// extension is a schema as an extension: one complex attribute that its URN names.
func extension(s *Schema) Extension {
	a := &Attribute{
		Name: s.ID, Type: Complex, SubAttributes: s.Attributes, Description: s.Description,
		Mutability: ReadWrite, Returned: ReturnedDefault,
	}
	a.settle()
	return Extension{Schema: s, Attribute: a}
}

func newResourceType(rt ResourceType) *ResourceType {
	rt.Attributes = append(rt.Attributes, common.must("schemas"), common.must("id"), common.must("externalId"))
	rt.Attributes = append(rt.Attributes, rt.Schema.Attributes...)
	for _, e := range rt.Extensions {
		rt.Attributes = append(rt.Attributes, e.Attribute)
	}
	rt.Attributes = append(rt.Attributes, common.must("meta"))
	return &rt
}
