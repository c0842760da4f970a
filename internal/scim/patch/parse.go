package patch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/dialect"
	"github.com/cloudsso/cloudsso-operator/internal/scim/filter"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// Patch is a PATCH request. It has been checked as far as that is possible without the resource.
type Patch struct {
	// Unknown are the names and paths that no schema has. They are ignored.
	Unknown []string
	// Unlisted are the paths that the last call of Apply ignored: see unlistedTypeError.
	Unlisted []string

	rt         *schema.ResourceType
	at         int // the index of the operation that is being read
	operations []operation
	members    memberChanges
	meter      *filter.Meter // of the filters in the paths
}

type verb int

const (
	opAdd verb = iota
	opReplace
	opRemove
)

// operation changes the attribute at a path. The value is decoded for the last attribute of the path, as
// described at schema.Object; only a replace of a complex value may have fields of nil. It is nil if the
// operation has none.
type operation struct {
	verb  verb
	path  *filter.Path
	value any
	index int           // in Operations
	meter *filter.Meter // nil until it is applied
}

// Parse reads the body of a PATCH request, whose filters are charged to the meter, also if the patch is applied several times.
// Any error is one for the client: a *scim.Error or a *schema.Error.
func Parse(ctx context.Context, rt *schema.ResourceType, body []byte, m *filter.Meter) (*Patch, error) {
	message, err := schema.ParseObject(body)
	if err != nil {
		return nil, err
	}
	list, err := operationsOf(message)
	if err != nil {
		return nil, err
	}
	p := &Patch{rt: rt, meter: m}
	if err := p.readOperations(ctx, list); err != nil {
		return nil, err
	}
	return p, nil
}

// Active returns the value that a PATCH request of a user gives to active, whatever is wrong with its other operations; nil if
// it gives none, or if that cannot be told, because an operation that may be about active is wrong too.
func Active(ctx context.Context, body []byte) any {
	message, err := schema.ParseLeniently(body, "operations", "op", "path", "value", "active")
	if err != nil {
		return nil
	}
	list, err := operationsOf(message)
	if err != nil {
		return nil
	}
	p := &Patch{rt: schema.UserActive}
	for _, item := range list {
		fields, ok := item.(map[string]any)
		if !ok || ctx.Err() != nil || p.readOperation(fields) != nil && mayNameActive(fields) {
			return nil
		}
	}
	given, err := p.Apply(ctx, nil)
	if err != nil {
		return nil
	}
	return given.Get(schema.Active)
}

// mayNameActive reports whether an operation may be about active.
func mayNameActive(operation map[string]any) bool {
	isActive := func(name string) bool { return strings.Contains(strings.ToLower(name), "active") }
	target, _ := schema.JSONMember(operation, "path")
	path, isText := target.(string)
	if target != nil && !isText || isActive(path) {
		return true
	}
	value, _ := schema.JSONMember(operation, "value")
	fields, isObject := value.(map[string]any)
	if strings.TrimSpace(path) == "" && !isObject {
		return true
	}
	return slices.ContainsFunc(sortedKeys(fields), isActive)
}

// operationsOf returns the operations of a request, which are one or more.
func operationsOf(message map[string]any) ([]any, error) {
	operations, _ := schema.JSONMember(message, "Operations")
	list, ok := operations.([]any)
	if !ok {
		return nil, scim.BadRequest(scim.InvalidSyntax, "Operations must be an array")
	}
	if len(list) == 0 {
		return nil, scim.BadRequest(scim.InvalidSyntax, "Operations has no operation")
	}
	if len(list) > limits.PatchOperations {
		return nil, scim.BadRequest(scim.TooMany, "Operations has %d operations; at most %d are supported", len(list), limits.PatchOperations)
	}
	return list, nil
}

func (p *Patch) readOperations(ctx context.Context, list []any) error {
	var unknown error // the first of them
	numUnknown := 0
	for i, item := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		p.at = i
		fields, ok := item.(map[string]any)
		if !ok {
			return scim.BadRequest(scim.InvalidSyntax, "Operations[%d] must be an object", i)
		}
		err := p.readOperation(fields)
		if unknownPath := (*unknownPathError)(nil); errors.As(err, &unknownPath) {
			unknown = cmp.Or(unknown, addOperationIndex(err, i))
			numUnknown++
		} else if err != nil {
			return addOperationIndex(err, i)
		}
	}
	if numUnknown < len(list) {
		return nil
	}
	return unknown
}

// addOperationIndex says in an error which operation it is about.
func addOperationIndex(err error, i int) error {
	var scimErr *scim.Error
	if !errors.As(err, &scimErr) {
		return fmt.Errorf("Operations[%d]: %w", i, err) //nolint:staticcheck // the attribute's name is capitalized
	}
	at := *scimErr
	at.Detail = fmt.Sprintf("Operations[%d]: %s", i, scimErr.Detail)
	return &at
}

// readOperation reads one operation.
func (p *Patch) readOperation(fields map[string]any) error {
	named, _ := schema.JSONMember(fields, "op")
	op, _ := named.(string)
	verbs := map[string]verb{"add": opAdd, "replace": opReplace, "remove": opRemove}
	v, known := verbs[dialect.Verb(op)]
	if !known {
		return scim.BadRequest(scim.InvalidSyntax, "op must be add, replace or remove")
	}
	target, _ := schema.JSONMember(fields, "path")
	switch path := target.(type) {
	case nil:
		return p.readWithoutPath(v, fields)
	case string:
		if strings.TrimSpace(path) == "" {
			return p.readWithoutPath(v, fields)
		}
		return p.readWithPath(v, path, fields)
	default:
		return scim.BadRequest(scim.InvalidPath, "path must be a string")
	}
}

// valueOf returns the value of an operation, without which only a remove is complete.
func valueOf(v verb, operation map[string]any) (any, error) {
	value, sent := schema.JSONMember(operation, "value")
	if !sent && v != opRemove {
		return nil, scim.BadRequest(scim.InvalidValue, "value is missing: add and replace need one; to unassign an attribute, send null or use remove")
	}
	return value, nil
}

// readWithoutPath reads an operation without a path. Its value is an object whose names are attributes, and
// may contain dots or begin with a URN. Attributes that a client cannot write are ignored, because Okta sends
// the id.
func (p *Patch) readWithoutPath(v verb, operation map[string]any) error {
	if v == opRemove {
		return scim.BadRequest(scim.NoTarget, "remove needs a path")
	}
	value, err := valueOf(v, operation)
	if err != nil {
		return err
	}
	fields, ok := value.(map[string]any)
	if !ok {
		return scim.BadRequest(scim.InvalidValue, "value must be an object if the operation has no path")
	}
	for _, name := range sortedKeys(fields) {
		if schema.NamesPassword(name) {
			continue
		}
		path, err := filter.ParsePath(p.rt, name)
		if err != nil {
			p.ignore(name)
			continue
		}
		if !isWritable(path) {
			continue
		}
		if err := p.addOperation(v, path, fields[name]); err != nil {
			return err
		}
	}
	return nil
}

// sortedKeys returns the keys in a fixed order, so that the same request has the same effect, or the same
// first error, each time.
func sortedKeys(fields map[string]any) []string {
	keys := make([]string, 0, len(fields))
	for key := range fields {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// readWithPath reads an operation with a path. Its value is read only if the path is known and writable, because
// serializers that drop null send an unknown attribute without a value.
func (p *Patch) readWithPath(v verb, name string, operation map[string]any) error {
	if schema.NamesPassword(name) { // whatever follows: passwords are ignored
		return nil
	}
	path, err := filter.ParsePath(p.rt, name)
	if err != nil {
		refusal := scim.BadRequest(scim.InvalidPath, "path %s: %v", schema.QuoteName(name), err)
		if !isUnknownAttribute(err) {
			return refusal
		}
		p.ignore(name)
		if !p.rt.HasForeignURN(name) {
			return &unknownPathError{refusal}
		}
		return nil
	}
	if !isWritable(path) {
		return scim.BadRequest(scim.Mutability, "%s is read-only", path)
	}
	value, err := valueOf(v, operation)
	if err != nil {
		return err
	}
	return p.addOperation(v, path, value)
}

// unknownPathError is the error of an operation whose path names an attribute that no schema has. It is the
// error of the request only if the request has no other operation: a deactivation must not fail because a
// provider also sends an attribute that is not stored. Names with the URN of an unknown extension have no such
// error (RFC 7644 section 3.3 permits to ignore them).
type unknownPathError struct{ refusal *scim.Error }

// Error returns the detail for the client.
func (e *unknownPathError) Error() string { return e.refusal.Error() }

// Unwrap returns the error for the client.
func (e *unknownPathError) Unwrap() error { return e.refusal }

func isUnknownAttribute(err error) bool {
	var syntax *filter.SyntaxError
	return errors.As(err, &syntax) && syntax.IsUnknownAttribute
}

func (p *Patch) ignore(name string) { p.Unknown = append(p.Unknown, name) }

func isWritable(path *filter.Path) bool {
	if path.Sub != nil && path.Sub.Mutability == schema.ReadOnly {
		return false
	}
	return !slices.ContainsFunc(path.Attribute, func(a *schema.Attribute) bool {
		return a.Mutability == schema.ReadOnly || a.Mutability == schema.WriteOnly
	})
}

// addOperation decodes the value and adds the operation to the patch, unless it changes nothing.
func (p *Patch) addOperation(v verb, path *filter.Path, value any) error {
	if path.Attribute[0] == schema.Members {
		return p.addMemberOperation(v, path, value)
	}
	decoded, err := decodeValue(path, value)
	if err != nil || v != opRemove && schema.IsEmpty(decoded) { // everything in the value is unknown
		return err
	}
	last := path.Attribute.Last()
	isMerged := v == opReplace && path.Filter == nil && !last.MultiValued
	if !isMerged {
		decoded = schema.Assigned(decoded)
	}
	if decoded != nil {
		return p.addDecoded(operation{v, path, decoded, p.at, nil})
	}
	switch {
	case v == opAdd:
		return nil
	case v == opReplace: // an empty value is unassigned (RFC 7643 section 2.5)
		v = opRemove
	case value != nil && path.Filter == nil && last.MultiValued: // remove of no value
		return nil
	}
	return p.addDecoded(operation{v, path, nil, p.at, nil})
}

func (p *Patch) addDecoded(op operation) error {
	if op.verb == opRemove && op.path.Filter == nil && op.path.Attribute.Last().Required { // RFC 7644 section 3.5.2.2
		return scim.BadRequest(scim.Mutability, "%s is required and cannot be removed", op.path)
	}
	p.operations = append(p.operations, op)
	return nil
}

func decodeValue(path *filter.Path, value any) (any, error) {
	switch {
	case path.Sub != nil:
		return schema.DecodeValue(path.Sub, path.String(), value)
	case path.Filter != nil:
		if one, ok := dialect.Single(value); ok {
			value = one
		}
		return schema.DecodeElement(path.Attribute.Last(), path.String(), value)
	}
	return schema.DecodeValue(path.Attribute.Last(), path.String(), value)
}

// Change returns the patch as a change of a resource.
func (p *Patch) Change(ctx context.Context) scim.Change {
	return scim.Change{
		Attributes: func(current schema.Object) (schema.Object, error) { return p.Apply(ctx, current) },
		Members:    p.members.changes(),
	}
}
