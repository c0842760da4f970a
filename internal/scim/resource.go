package scim

import (
	"iter"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// Resource is one user or group as a Store returns it.
type Resource struct {
	Type         *schema.ResourceType
	ID           string
	Created      time.Time
	LastModified time.Time

	// Attributes are those that the client wrote, without members. Schemas, id, meta, members and groups
	// follow from the other fields.
	Attributes schema.Object

	// Members are the members of a group in the order of the store. It is nil if the type has none, or if
	// the query omits them. It can be ranged over more than once.
	Members iter.Seq[Reference]

	// Groups are the groups that a user is a direct member of. It is nil under the same conditions.
	Groups iter.Seq[Reference]

	// Effect is what the call has changed, if it was a Create or an Update.
	Effect Effect
}

// TimeFormat is the format of times in responses and for filters: RFC 3339 in UTC with milliseconds, which
// common clients can parse.
const TimeFormat = "2006-01-02T15:04:05.000Z"

// Reference names another resource: a group's member, or a user's group.
type Reference struct {
	Value   string // its SCIM id
	Display string // its displayName, or userName
}

// Get returns the attribute's value, so that a filter can read a resource. The value of meta has resourceType,
// created and lastModified: the location and the version are added when a response is written.
func (r *Resource) Get(a *schema.Attribute) any {
	switch a {
	case schema.Schemas:
		return r.Schemas()
	case schema.ID:
		return r.ID
	case schema.Meta:
		return schema.Object{
			{Attribute: metaResourceType, Value: r.Type.Name},
			{Attribute: metaCreated, Value: r.Created.UTC().Format(TimeFormat)},
			{Attribute: metaLastModified, Value: r.LastModified.UTC().Format(TimeFormat)},
		}
	case schema.Members, schema.Groups:
		return referenceValues(a, r.References(a), func(int) bool { return true })
	}
	return r.Attributes.Get(a)
}

// Age implements Candidate.
func (r *Resource) Age() (created time.Time, id string) { return r.Created, r.ID }

// Resource implements Candidate.
func (r *Resource) Resource() *Resource { return r }

// Schemas returns the URNs of the core schema and of the extensions that the resource uses.
func (r *Resource) Schemas() []any {
	urns := []any{r.Type.Schema.ID}
	for _, e := range r.Type.Extensions {
		if r.Attributes.Get(e.Attribute) != nil {
			urns = append(urns, e.Schema.ID)
		}
	}
	return urns
}

var (
	metaResourceType = schema.Meta.Sub("resourceType")
	metaCreated      = schema.Meta.Sub("created")
	metaLastModified = schema.Meta.Sub("lastModified")
)

// The values of "type" in references. Members are users, and groups are direct, because nested groups are
// refused.
var (
	memberType = schema.Field{Attribute: schema.Members.Sub("type"), Value: schema.User.Name}
	groupType  = schema.Field{Attribute: schema.Groups.Sub("type"), Value: "direct"}
)

// References implements Candidate.
func (r *Resource) References(a *schema.Attribute) iter.Seq[Reference] {
	if a == schema.Groups {
		return r.Groups
	}
	return r.Members
}

// referenceValues returns references as the value of schema.Members or schema.Groups: nil if there is none. It ends early
// if spend does not permit another one.
func referenceValues(a *schema.Attribute, all iter.Seq[Reference], spend func(int) bool) any {
	if all == nil {
		return nil
	}
	kind := memberType
	if a == schema.Groups {
		kind = groupType
	}
	var values []any
	for reference := range all {
		if !spend(1) {
			break
		}
		values = append(values, append(reference.object(a), kind))
	}
	if values == nil {
		return nil
	}
	return values
}

// Member returns the reference as a value of schema.Members.
func (r Reference) Member() schema.Object { return append(r.object(schema.Members), memberType) }

func (r Reference) object(a *schema.Attribute) schema.Object {
	o := make(schema.Object, 0, 3)
	o = append(o, schema.Field{Attribute: a.Sub("value"), Value: r.Value})
	if r.Display != "" {
		o = append(o, schema.Field{Attribute: a.Sub("display"), Value: r.Display})
	}
	return o
}
