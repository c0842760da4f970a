package schema

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim/dialect"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
)

// Body is a resource as a client sent it.
type Body struct {
	// Attributes are those that a client may write. Read-only attributes, passwords, and attributes of
	// unknown schemas are left out.
	Attributes Object
	// Members are the ids of a group's members. HasMembers says whether the attribute was sent at all.
	Members    []string
	HasMembers bool
	// Unknown are the names of top-level attributes that no schema has, including URNs of extensions.
	Unknown []string
}

// Decode reads a JSON body as a resource. Any error is an *Error.
//
// It accepts what identity providers send, if the meaning is plain: attribute names in any letter case, "True"
// for true (Entra ID), a single value in place of an array of one and an array of one in place of a single
// value, a string in place of a complex value that has a sub-attribute "value", and null for an unassigned
// attribute. Validate checks whether required attributes are present.
func Decode(rt *ResourceType, data []byte) (*Body, error) {
	fields, err := ParseObject(data)
	if err != nil {
		return nil, err
	}
	body := &Body{}
	for name, v := range fields {
		a := rt.Attribute(name)
		if a == nil {
			body.Unknown = append(body.Unknown, name)
			continue
		}
		if err := body.decodeAttribute(rt, a, v); err != nil {
			return nil, err
		}
	}
	return body, nil
}

// DecodeActive returns what a JSON body says of active of a user, whatever is wrong with the rest; nil if that cannot be told.
func DecodeActive(data []byte) any {
	fields, err := ParseLeniently(data, Active.Name)
	if err != nil {
		return nil
	}
	v, _ := JSONMember(fields, Active.Name)
	active, err := DecodeValue(Active, Active.Name, v)
	if err != nil {
		return nil
	}
	return active
}

// decodeAttribute decodes the value of a top-level attribute into the body. It ignores what a client cannot
// write.
func (b *Body) decodeAttribute(rt *ResourceType, a *Attribute, v any) error {
	switch {
	case a == Schemas:
		return checkSchemas(rt, v)
	case a == Members:
		b.HasMembers = true
		ids, err := DecodeMembers(v)
		b.Members = ids
		return err
	case a.Mutability == ReadOnly, a.Mutability == WriteOnly:
		return nil
	}
	value, err := DecodeValue(a, a.Name, v)
	if err == nil {
		b.Attributes = b.Attributes.With(a, Assigned(value))
	}
	return err
}

// checkSchemas accepts any URIs, or none, except the schema of another resource type. Identity providers send URIs
// of their own (Entra ID does for groups) or leave them out, and the type of a resource follows from its endpoint.
func checkSchemas(rt *ResourceType, v any) error {
	list := dialect.List(v)
	for _, item := range list {
		uri, ok := item.(string)
		if !ok && item != nil {
			return malformed("schemas must be an array of strings")
		}
		for _, other := range ResourceTypes {
			if other != rt && strings.EqualFold(uri, other.Schema.ID) {
				return malformed("schemas has %s, which is not the schema of a %s; send it to %s", other.Schema.ID, rt.Name, other.Endpoint)
			}
		}
	}
	return nil
}

// ParseObject reads a body that must be a JSON object. Numbers become json.Number, and text stays as it is: see
// strictReader. Any error is an *Error that says where the problem is.
func ParseObject(data []byte) (map[string]any, error) {
	if err := checkStrict(data); err != nil {
		return nil, err
	}
	return parseObject(data)
}

// ParseLeniently is ParseObject for one who needs a part of the body that the rest must not hold up. Of the names that one object
// has twice only those that contain one of the words given are an error, in any letter case, and text that is none becomes U+FFFD.
func ParseLeniently(data []byte, words ...string) (map[string]any, error) {
	if err := checkLenient(data, words); err != nil {
		return nil, err
	}
	return parseObject(data)
}

func parseObject(data []byte) (map[string]any, error) {
	var parsed any
	if err := parseJSON(data, &parsed); err != nil {
		return nil, err
	}
	fields, ok := parsed.(map[string]any)
	if !ok {
		return nil, malformed("the body must be a JSON object")
	}
	return fields, nil
}

// JSONMember returns the value of an object's member of that name, in any letter case, and whether the object
// has such a member: null is not the same as absent. ParseObject refuses an object that has two.
func JSONMember(o map[string]any, name string) (v any, sent bool) {
	for key, v := range o {
		if isSameName(key, name) {
			return v, true
		}
	}
	return nil, false
}

func parseJSON(data []byte, v any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	err := decoder.Decode(v)
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return malformed("the body is not JSON: %v at byte %d", err, syntax.Offset)
	case errors.As(err, &wrong):
		return &Error{ScimType: InvalidSyntax, Path: wrong.Field, Problem: "must not be a JSON " + wrong.Value}
	case errors.Is(err, io.EOF):
		return malformed("the body is empty")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return malformed("the body is not JSON: it ends too early, at byte %d", len(data))
	case err != nil:
		return malformed("the body is not JSON: %v", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return malformed("the body has more text after its JSON value, at byte %d", decoder.InputOffset())
	}
	return nil
}

// DecodeValue converts a parsed JSON value into the value of an attribute. The path names the value in errors.
// What a client sends may say three things about an attribute, and the result keeps them apart:
//
//	nil                             it is unassigned: null, "", or an empty array (RFC 7643 section 2.5)
//	an empty Object, or empty list  nothing: all content is unknown, and is ignored
//	any other value                 as described at Object; a field of nil unassigns that sub-attribute
//
// Of a multi-valued attribute it returns each pair of value and type once (RFC 7643 section 2.4).
//
// Assigned returns the part of it that can be stored.
func DecodeValue(a *Attribute, path string, v any) (any, error) {
	if !a.MultiValued {
		return decodeOne(a, path, v)
	}
	list := dialect.List(v)
	if len(list) > limits.Values {
		return nil, invalid(path, "has %d values; at most %d are supported", len(list), limits.Values)
	}
	isUnassigned, values := true, make([]any, 0, len(list))
	for i, item := range list {
		value, err := DecodeElement(a, path+"["+strconv.Itoa(i)+"]", item)
		if err != nil {
			return nil, err
		}
		isUnassigned = isUnassigned && value == nil
		if value != nil && !IsEmpty(value) {
			values = append(values, value)
		}
	}
	if isUnassigned {
		return nil, nil
	}
	values = Distinct(a, values)
	return values, checkPrimary(a, path, values)
}

// decodeOne decodes the value of a single-valued attribute.
func decodeOne(a *Attribute, path string, v any) (any, error) {
	one, ok := dialect.Single(v)
	if !ok {
		return nil, invalid(path, "must be a single value, not an array of %d", len(dialect.List(v)))
	}
	return DecodeElement(a, path, one)
}

// DecodeElement converts one element of a multi-valued attribute, in the way of DecodeValue.
func DecodeElement(a *Attribute, path string, v any) (any, error) {
	if v == nil {
		return nil, nil
	}
	switch a.Type {
	case Complex:
		return decodeComplex(a, path, v)
	case Boolean:
		return decodeBoolean(path, v)
	case Integer, Decimal:
		return decodeNumber(a, path, v)
	default:
		return decodeString(a, path, v)
	}
}

func decodeComplex(a *Attribute, path string, v any) (any, error) {
	if v == "" {
		return nil, nil
	}
	fields, ok := v.(map[string]any)
	if !ok {
		value := a.Sub("value")
		if _, text := v.(string); !text || value == nil {
			return nil, invalid(path, "must be an object")
		}
		fields = map[string]any{"value": v}
	}
	o := make(Object, 0, min(len(fields), len(a.SubAttributes)))
	for name, v := range fields {
		sub := a.Sub(name)
		if sub == nil || sub.Mutability == ReadOnly {
			continue
		}
		value, err := DecodeValue(sub, path+a.separator()+sub.Name, v)
		if err != nil {
			return nil, err
		}
		if !IsEmpty(value) {
			o = append(o, Field{sub, value})
		}
	}
	return o, nil
}

func decodeBoolean(path string, v any) (any, error) {
	if value, ok := dialect.Boolean(v); ok {
		return value, nil
	}
	return nil, invalid(path, "must be a boolean")
}

func decodeNumber(a *Attribute, path string, v any) (any, error) {
	number, ok := v.(json.Number)
	if text, isText := v.(string); isText && json.Valid([]byte(text)) { // refuses "NaN", which ParseFloat accepts
		number, ok = json.Number(text), true
	}
	if ok && a.Type == Integer {
		if n, err := number.Int64(); err == nil {
			return n, nil
		}
	} else if ok {
		if f, err := number.Float64(); err == nil {
			return f, nil
		}
	}
	return nil, invalid(path, "must be of type %s", a.Type)
}

func decodeString(a *Attribute, path string, v any) (any, error) {
	s, ok := dialect.Text(v)
	if !ok {
		return nil, invalid(path, "must be a string")
	}
	if len(s) > limits.Text {
		return nil, invalid(path, "is %d bytes long; at most %d are supported", len(s), limits.Text)
	}
	if s == "" {
		return nil, nil
	}
	switch a.Type {
	case DateTime:
		if _, err := ParseDateTime(s); err != nil {
			return nil, invalid(path, "must be a date and time as in 2011-08-01T18:29:49Z")
		}
	case Binary:
		if _, err := base64.StdEncoding.DecodeString(s); err != nil {
			return nil, invalid(path, "must be base64")
		}
	}
	return s, nil
}

// ParseDateTime parses an xsd:dateTime (RFC 7643 section 2.3.5). One without a time zone is taken as UTC.
func ParseDateTime(s string) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return at, nil
	}
	return time.Parse("2006-01-02T15:04:05", s)
}

// DecodeMembers returns the ids in a group's members attribute: an array of objects with a value, an array of
// ids, or one of either. Null and the empty array are no members. An array that names no member is an error,
// because a replacement by it would empty the group.
func DecodeMembers(v any) ([]string, error) {
	if v == nil {
		return nil, nil
	}
	list := dialect.List(v)
	if len(list) > limits.Members {
		return nil, invalid(Members.Name, "has %d values; at most %d are supported in one request", len(list), limits.Members)
	}
	ids := make([]string, 0, len(list))
	for i, item := range list {
		if item == nil {
			continue
		}
		path := Members.Name + "[" + strconv.Itoa(i) + "]"
		member, err := decodeComplex(Members, path, item)
		if err != nil {
			return nil, err
		}
		o, _ := member.(Object)
		id := o.String(MembersValue)
		if id == "" {
			return nil, invalid(path+".value", "is missing: it is the id of the member")
		}
		if err := checkControl(path+".value", id); err != nil {
			return nil, err
		}
		if strings.EqualFold(o.String(Members.Sub("type")), "Group") {
			return nil, invalid(path, "is a group: nested groups are not supported; push the group's users instead")
		}
		ids = append(ids, id)
	}
	if len(ids) == 0 && len(list) > 0 {
		return nil, invalid(Members.Name+"[0].value", "is missing: it is the id of the member")
	}
	return ids, nil
}
