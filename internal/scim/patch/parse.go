package patch

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/filter"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// Patch is a PATCH request, checked as far as it can be without the resource.
type Patch struct {
	// Unknown are the names beginning with a URN that no schema has: what they lead to is ignored.
	Unknown []string

	rt         *schema.ResourceType
	operations []operation
	members    []scim.MemberChange
}

type verb int

const (
	add verb = iota
	replace
	remove
)

// operation changes the attribute at a path. The value is as described at schema.Object, decoded for
// the last attribute of the path; nil is none.
type operation struct {
	verb  verb
	path  *filter.Path
	value any
}

// Parse reads the body of a PATCH request. Any error is one that the client can be told: a *scim.Error
// or a *schema.Error.
func Parse(rt *schema.ResourceType, body []byte) (*Patch, error) {
	message, err := schema.ParseObject(body)
	if err != nil {
		return nil, err
	}
	list, ok := schema.Member(message, "Operations").([]any)
	if !ok {
		return nil, scim.BadRequest(scim.InvalidSyntax, "Operations must be an array")
	}
	if len(list) > limits.PatchOperations {
		return nil, scim.BadRequest(scim.TooMany, "Operations: there are %d; at most %d are supported", len(list), limits.PatchOperations)
	}
	p := &Patch{rt: rt}
	for i, item := range list {
		fields, ok := item.(map[string]any)
		if !ok {
			return nil, scim.BadRequest(scim.InvalidSyntax, "Operations[%d] must be an object", i)
		}
		if err := p.read(fields); err != nil {
			return nil, located(err, i)
		}
	}
	return p, nil
}

// located says which operation an error is about.
func located(err error, i int) error {
	var answer *scim.Error
	if !errors.As(err, &answer) {
		return fmt.Errorf("Operations[%d]: %w", i, err) //nolint:staticcheck // the attribute's name is capitalized
	}
	at := *answer
	at.Detail = fmt.Sprintf("Operations[%d]: %s", i, answer.Detail)
	return &at
}

// read reads one operation. Entra ID writes Add, Replace and Remove.
func (p *Patch) read(fields map[string]any) error {
	op, _ := schema.Member(fields, "op").(string)
	verbs := map[string]verb{"add": add, "replace": replace, "remove": remove}
	v, known := verbs[strings.ToLower(op)]
	if !known {
		return scim.BadRequest(scim.InvalidSyntax, "op must be add, replace or remove, not %q", op)
	}
	value := schema.Member(fields, "value")
	switch path := schema.Member(fields, "path").(type) {
	case nil:
		return p.whole(v, value)
	case string:
		if strings.TrimSpace(path) == "" {
			return p.whole(v, value)
		}
		return p.aim(v, path, value)
	default:
		return scim.BadRequest(scim.InvalidPath, "path must be a string")
	}
}

// whole reads an operation without a path: its value is a part of the resource, whose names may be
// dotted or begin with a URN. What cannot be written there is passed over: Okta repeats the id.
func (p *Patch) whole(v verb, value any) error {
	if v == remove {
		return scim.BadRequest(scim.NoTarget, "remove needs a path")
	}
	fields, ok := value.(map[string]any)
	if !ok {
		return scim.BadRequest(scim.InvalidValue, "value must be an object where there is no path")
	}
	for _, name := range sortedKeys(fields) {
		path, err := filter.ParsePath(p.rt, name)
		if err != nil && p.foreign(name) {
			p.Unknown = append(p.Unknown, name)
		}
		if err != nil || !writable(path) {
			continue
		}
		if err := p.add(v, path, fields[name]); err != nil {
			return err
		}
	}
	return nil
}

// sortedKeys makes what a request does, and its first error, the same each time.
func sortedKeys(fields map[string]any) []string {
	keys := make([]string, 0, len(fields))
	for key := range fields {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// aim reads an operation with a path. A URN that no schema has is an extension that is not known here,
// and passed over (RFC 7644 section 3.3 lets unknown attributes be ignored).
func (p *Patch) aim(v verb, name string, value any) error {
	path, err := filter.ParsePath(p.rt, name)
	if err != nil {
		if p.foreign(name) {
			p.Unknown = append(p.Unknown, name)
			return nil
		}
		return scim.BadRequest(scim.InvalidPath, "path %q: %v", name, err)
	}
	if path.Attribute[0] == schema.Password {
		return nil
	}
	if !writable(path) {
		return scim.BadRequest(scim.Mutability, "%s is read-only", path)
	}
	return p.add(v, path, value)
}

func (p *Patch) foreign(name string) bool {
	lower := strings.ToLower(name)
	if !strings.HasPrefix(lower, "urn:") {
		return false
	}
	known := append([]*schema.Schema{p.rt.Schema}, schemasOf(p.rt)...)
	return !slices.ContainsFunc(known, func(s *schema.Schema) bool {
		return strings.HasPrefix(lower, strings.ToLower(s.ID))
	})
}

func schemasOf(rt *schema.ResourceType) (all []*schema.Schema) {
	for _, e := range rt.Extensions {
		all = append(all, e.Schema)
	}
	return all
}

func writable(path *filter.Path) bool {
	if path.Sub != nil && path.Sub.Mutability == schema.ReadOnly {
		return false
	}
	return !slices.ContainsFunc(path.Attribute, func(a *schema.Attribute) bool {
		return a.Mutability == schema.ReadOnly || a.Mutability == schema.WriteOnly
	})
}

// add decodes the value and takes the operation up.
func (p *Patch) add(v verb, path *filter.Path, value any) error {
	if path.Attribute[0] == schema.Members {
		return p.addMembers(v, path, value)
	}
	decoded, err := decode(path, value)
	if err != nil {
		return err
	}
	if decoded == nil && v != remove {
		if v == add {
			return nil
		}
		v = remove // to replace by nothing is to remove (RFC 7643 section 2.5)
	}
	if last := path.Attribute.Last(); v == remove && path.Filter == nil && last.Required {
		return scim.BadRequest(scim.Mutability, "%s is required and cannot be removed", path) // RFC 7644 section 3.5.2.2
	}
	p.operations = append(p.operations, operation{v, path, decoded})
	return nil
}

func decode(path *filter.Path, value any) (any, error) {
	switch {
	case path.Sub != nil:
		return schema.DecodeValue(path.Sub, path.String(), value)
	case path.Filter != nil:
		if list, ok := value.([]any); ok && len(list) == 1 {
			value = list[0]
		}
		return schema.DecodeElement(path.Attribute.Last(), path.String(), value)
	}
	return schema.DecodeValue(path.Attribute.Last(), path.String(), value)
}

// Change is the patch as a change of a resource.
func (p *Patch) Change() scim.Change {
	return scim.Change{Attributes: p.Apply, Members: p.members}
}
