package schema

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
)

//go:embed definitions/*.json
var definitions embed.FS

// The schemas in definitions/: RFC 7643 section 8.7.1, with the characteristics that this service enforces.
var (
	UserSchema       = loadSchema("user")
	GroupSchema      = loadSchema("group")
	EnterpriseSchema = loadSchema("enterprise")
	common           = loadSchema("common")
)

// The resource types.
var (
	User = newResourceType(ResourceType{
		Name: "User", Endpoint: "/Users", Description: "User Account",
		Schema: UserSchema, Extensions: []Extension{newExtension(EnterpriseSchema)},
	})
	Group = newResourceType(ResourceType{Name: "Group", Endpoint: "/Groups", Description: "Group", Schema: GroupSchema})

	// UserActive is User without any attribute but active: read by it, the rest of a request is unknown.
	UserActive = &ResourceType{Name: User.Name, Endpoint: User.Endpoint, Schema: UserSchema, Attributes: []*Attribute{Active}}

	// ResourceTypes are all resource types, in the order of discovery.
	ResourceTypes = []*ResourceType{User, Group}
	// Published are the schemas of discovery, in its order.
	Published = []*Schema{UserSchema, GroupSchema, EnterpriseSchema}
)

// The attributes that code refers to. Schemas, ID, ExternalID and Meta belong to every resource type.
var (
	Schemas    = common.mustAttribute("schemas")
	ID         = common.mustAttribute("id")
	ExternalID = common.mustAttribute("externalId")
	Meta       = common.mustAttribute("meta")

	UserName   = UserSchema.mustAttribute("userName")
	Name       = UserSchema.mustAttribute("name")
	Active     = UserSchema.mustAttribute("active")
	Password   = UserSchema.mustAttribute("password")
	Groups     = UserSchema.mustAttribute("groups")
	Enterprise = User.Extensions[0].Attribute

	UserDisplayName  = UserSchema.mustAttribute("displayName")
	GroupDisplayName = GroupSchema.mustAttribute("displayName")
	Members          = GroupSchema.mustAttribute("members")
	MembersValue     = Members.Sub("value")
)

// holdingIDs are the attributes whose text is the id of another resource. Text in place of a complex value stands for
// its value.
var holdingIDs = []*Attribute{Members, MembersValue, Enterprise.Sub("manager"), Enterprise.Sub("manager").Sub("value")}

// HoldsID reports whether the attribute's text is the id of another resource.
func (a *Attribute) HoldsID() bool { return slices.Contains(holdingIDs, a) }

// unsearchable are attributes that the service adds when it writes a response: URLs, and the version. Filters
// and sorting work on stored resources, which do not have them.
var unsearchable = []*Attribute{Meta.Sub("location"), Meta.Sub("version"), Members.Sub("$ref"), Groups.Sub("$ref")}

// Searchable reports whether lists can be filtered and sorted by the attribute. An attribute that is never
// returned cannot: a client could otherwise guess its value letter by letter.
func (a *Attribute) Searchable() bool {
	return a.Returned != ReturnedNever && !slices.Contains(unsearchable, a)
}

func loadSchema(name string) *Schema {
	data, err := definitions.ReadFile("definitions/" + name + ".json")
	if err != nil {
		panic(err)
	}
	s := &Schema{}
	if err := json.Unmarshal(data, s); err != nil {
		panic(fmt.Sprintf("definitions/%s.json: %v", name, err))
	}
	for _, a := range s.Attributes {
		a.complete()
	}
	return s
}

func (s *Schema) mustAttribute(name string) *Attribute {
	a := s.Attribute(name)
	if a == nil {
		panic(fmt.Sprintf("schema %s has no attribute %s", s.Name, name))
	}
	return a
}

// newExtension returns a schema as an extension: one complex attribute whose name is the URN of the schema.
func newExtension(s *Schema) Extension {
	a := &Attribute{
		Name: s.ID, Type: Complex, SubAttributes: s.Attributes, Description: s.Description,
		Mutability: ReadWrite, Returned: ReturnedDefault,
	}
	a.complete()
	return Extension{Schema: s, Attribute: a}
}

func newResourceType(rt ResourceType) *ResourceType {
	rt.Attributes = append(rt.Attributes, common.mustAttribute("schemas"), common.mustAttribute("id"), common.mustAttribute("externalId"))
	rt.Attributes = append(rt.Attributes, rt.Schema.Attributes...)
	for _, e := range rt.Extensions {
		rt.Attributes = append(rt.Attributes, e.Attribute)
	}
	rt.Attributes = append(rt.Attributes, common.mustAttribute("meta"))
	return &rt
}
