package scim

import (
	"iter"
	"slices"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// Resource is one user or group as a Directory holds it.
type Resource struct {
	Type         *schema.ResourceType
	ID           string
	Created      time.Time
	LastModified time.Time

	// Attributes are what the client wrote: all but schemas, id, meta, members and groups, which the
	// fields of Resource stand for.
	Attributes schema.Object

	// Members are the members of a group in the order of the directory; nil when the type has none or
	// the query left them out. It can be ranged over more than once.
	Members iter.Seq[Reference]

	// Groups are the groups that a user is a direct member of.
	Groups []Reference
}

// Reference names another resource: a group's member, or a user's group.
type Reference struct {
	Value   string // its SCIM id
	Display string // its displayName, or userName
}

// Get is the attribute's value, so that a filter can look into a resource. Of meta it knows what a
// directory knows: resourceType, created and lastModified.
func (r *Resource) Get(a *schema.Attribute) any {
	switch a {
	case schema.ID:
		return r.ID
	case schema.Meta:
		return schema.Object{
			{Attribute: metaResourceType, Value: r.Type.Name},
			{Attribute: metaCreated, Value: r.Created.UTC().Format(time.RFC3339Nano)},
			{Attribute: metaLastModified, Value: r.LastModified.UTC().Format(time.RFC3339Nano)},
		}
	case schema.Members:
		return r.members()
	case schema.Groups:
		return references(schema.Groups, r.Groups)
	}
	return r.Attributes.Get(a)
}

var (
	metaResourceType = schema.Meta.Sub("resourceType")
	metaCreated      = schema.Meta.Sub("created")
	metaLastModified = schema.Meta.Sub("lastModified")
)

func (r *Resource) members() any {
	if r.Members == nil {
		return nil
	}
	return references(schema.Members, slices.Collect(r.Members))
}

func references(a *schema.Attribute, all []Reference) any {
	if len(all) == 0 {
		return nil
	}
	values := make([]any, len(all))
	for i, reference := range all {
		values[i] = reference.Object(a)
	}
	return values
}

// Object is the reference as a value of the attribute, schema.Members or schema.Groups.
func (r Reference) Object(a *schema.Attribute) schema.Object {
	o := schema.Object{{Attribute: a.Sub("value"), Value: r.Value}}
	if r.Display != "" {
		o = append(o, schema.Field{Attribute: a.Sub("display"), Value: r.Display})
	}
	return o
}
