package server

import (
	"context"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// Effect is one thing that a request has done to a resource. The set is closed.
type Effect string

// The effects.
const (
	EffectCreated       Effect = "Created"       // the resource is new
	EffectRestored      Effect = "Restored"      // a POST restored a disabled user
	EffectAdopted       Effect = "Adopted"       // a POST adopted a user that the identity provider did not manage
	EffectDeactivated   Effect = "Deactivated"   // active became false
	EffectReactivated   Effect = "Reactivated"   // active became true
	EffectReleased      Effect = "Released"      // a withheld deactivation does not wait any more, because active was set to true
	EffectRenamed       Effect = "Renamed"       // userName, or the displayName of a group, changed
	EffectDeprovisioned Effect = "Deprovisioned" // a DELETE of a user
	EffectDeleted       Effect = "Deleted"       // a DELETE of a group
)

// origins are the effects of a POST.
var origins = map[scim.Origin]Effect{
	scim.OriginNew:      EffectCreated,
	scim.OriginRestored: EffectRestored,
	scim.OriginAdopted:  EffectAdopted,
}

// AttributeChange is one attribute whose value a request has changed, or one sub-attribute of a complex attribute with one
// value.
type AttributeChange struct {
	Name          string // such as "name.givenName"
	attribute     *schema.Attribute
	before, after any
}

// Before returns the former value as JSON; "" if the attribute was unassigned.
func (c AttributeChange) Before() string { return jsonText(c.attribute, c.before) }

// After returns the new value as JSON; "" if the attribute is unassigned.
func (c AttributeChange) After() string { return jsonText(c.attribute, c.after) }

func jsonText(a *schema.Attribute, v any) string {
	if v == nil {
		return ""
	}
	return string(schema.AppendValue(nil, a, v))
}

// beforeChange asks whether the request may change a resource, and returns the context for the store's call.
func (s *server) beforeChange(req *request) (context.Context, error) {
	if s.BeforeChange != nil {
		if err := s.BeforeChange(req.record); err != nil {
			return nil, err
		}
	}
	return scim.WithRequest(req.Context(), scim.Request{
		ID: req.record.RequestID, Subject: req.record.Subject, Operation: string(req.record.Operation),
	}), nil
}

// recordEffect records for the observer what the request has changed of a resource.
func (req *request) recordEffect(r *scim.Resource) {
	req.recordResource(r.Attributes)
	req.record.Effects = effectsOf(r)
	req.record.Changes = attributeChanges(nil, nil, r.Type.Attributes, r.Effect.Before, r.Attributes)
	req.record.Added, req.record.Removed = r.Effect.Added, r.Effect.Removed
}

func effectsOf(r *scim.Resource) (effects []Effect) {
	before := r.Effect.Before
	if r.Effect.Origin != "" {
		effects = append(effects, origins[r.Effect.Origin])
	}
	if before == nil {
		return effects
	}
	if was, is := isActive(before), isActive(r.Attributes); was && !is {
		effects = append(effects, EffectDeactivated)
	} else if is && !was {
		effects = append(effects, EffectReactivated)
	}
	if r.Effect.Released {
		effects = append(effects, EffectReleased)
	}
	name := schema.UserName
	if r.Type == schema.Group {
		name = schema.GroupDisplayName
	}
	if before.String(name) != r.Attributes.String(name) {
		effects = append(effects, EffectRenamed)
	}
	return effects
}

// isActive reports whether a user is active. An unassigned active means true.
func isActive(attributes schema.Object) bool { return attributes.Get(schema.Active) != false }

// attributeChanges appends what differs between two objects with the attributes given. path leads to the objects. An
// attribute that is never read, such as a password, is left out.
func attributeChanges(changes []AttributeChange, path schema.Path, attributes []*schema.Attribute, before, after schema.Object) []AttributeChange {
	for _, a := range attributes {
		was, is := before.Get(a), after.Get(a)
		if a.Returned == schema.ReturnedNever || schema.Equal(was, is) {
			continue
		}
		at := append(path[:len(path):len(path)], a)
		if a.Type == schema.Complex && !a.MultiValued {
			wasObject, _ := was.(schema.Object)
			isObject, _ := is.(schema.Object)
			changes = attributeChanges(changes, at, a.SubAttributes, wasObject, isObject)
			continue
		}
		changes = append(changes, AttributeChange{at.String(), a, was, is})
	}
	return changes
}
