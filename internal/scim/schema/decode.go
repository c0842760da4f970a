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

	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
)

// Body is a resource as a client sent it.
type Body struct {
	// Attributes are what the client may write. Read-only attributes, passwords, and attributes of no
	// known schema are left out.
	Attributes Object
	// Members are the ids of a group's members; HasMembers tells an empty list from none.
	Members    []string
	HasMembers bool
	// Unknown are the top-level attributes of no known schema, extension URNs among them.
	Unknown []string
}

// Decode reads a JSON body as a resource. Any error is an *Error.
//
// It takes what providers send where the meaning is plain: attribute names in any case, "True" for true
// (Entra ID), a single value for a list of one and the other way round, a string for a complex value
// that has a value, null for nothing. Whether required attributes are there is for Validate.
func Decode(rt *ResourceType, data []byte) (*Body, error) {
	fields, err := ParseObject(data)
	if err != nil {
		return nil, err
	}
	body := &Body{}
	seen := map[*Attribute]bool{}
	for name, v := range fields {
		a := rt.Attribute(name)
		if a == nil {
			body.Unknown = append(body.Unknown, name)
			continue
		}
		if seen[a] {
			return nil, invalid(a.Name, "is there twice, in different letter case")
		}
		seen[a] = true
		if err := body.take(a, v); err != nil {
			return nil, err
		}
	}
	return body, nil
}

func (b *Body) take(a *Attribute, v any) error {
	switch {
	case a == Schemas:
		return checkSchemas(v)
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
		b.Attributes = b.Attributes.With(a, value)
	}
	return err
}

// checkSchemas accepts any URIs: providers send ones of their own (Entra ID does for groups), and what a
// resource is follows from its endpoint.
func checkSchemas(v any) error {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, uri := range list {
		if _, ok := uri.(string); !ok && uri != nil {
			return malformed("schemas must be an array of strings")
		}
	}
	return nil
}

// ParseObject reads a body that is a JSON object, numbers as json.Number. Any error is an *Error that says
// where.
func ParseObject(data []byte) (map[string]any, error) {
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

// Member is an object's member of that name, in any letter case, or nil.
func Member(o map[string]any, name string) any {
	if v, there := o[name]; there {
		return v
	}
	for key, v := range o {
		if strings.EqualFold(key, name) {
			return v
		}
	}
	return nil
}

func parseJSON(data []byte, v any) error {
	if err := checkShape(data); err != nil {
		return err
	}
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
		return malformed("the body goes on after its JSON value, at byte %d", decoder.InputOffset())
	}
	return nil
}

// checkShape bounds the nesting, and what is nested, before anything is built from it.
func checkShape(data []byte) error {
	depth, values, inString := 0, 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > limits.Depth {
				return malformed("the body is nested deeper than %d levels, at byte %d", limits.Depth, i)
			}
			values++ // the first in it
		case c == ',':
			values++
		case c == '}' || c == ']':
			depth--
		}
		if values > limits.BodyValues {
			return malformed("the body has more than %d JSON values", limits.BodyValues)
		}
	}
	return nil
}

// DecodeValue makes a parsed JSON value the value of an attribute, as described at Object; nil when it
// is unassigned. The path names it in errors.
func DecodeValue(a *Attribute, path string, v any) (any, error) {
	if !a.MultiValued {
		return decodeOne(a, path, v)
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	if len(list) > limits.Values {
		return nil, invalid(path, "has %d values; at most %d are supported", len(list), limits.Values)
	}
	var values []any
	for i, item := range list {
		value, err := DecodeElement(a, path+"["+strconv.Itoa(i)+"]", item)
		if err != nil {
			return nil, err
		}
		if value != nil {
			values = append(values, value)
		}
	}
	if len(values) == 0 {
		return nil, nil
	}
	return values, checkPrimary(a, path, values)
}

// decodeOne decodes the value of a single-valued attribute. Entra ID sends some as an array of one.
func decodeOne(a *Attribute, path string, v any) (any, error) {
	if list, ok := v.([]any); ok {
		switch len(list) {
		case 0:
			return nil, nil
		case 1:
			v = list[0]
		default:
			return nil, invalid(path, "must be a single value, not an array of %d", len(list))
		}
	}
	return DecodeElement(a, path, v)
}

// DecodeElement is DecodeValue for one value of a multi-valued attribute.
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
	fields, ok := v.(map[string]any)
	if !ok {
		value := a.Sub("value")
		if _, text := v.(string); !text || value == nil {
			return nil, invalid(path, "must be an object")
		}
		fields = map[string]any{"value": v}
	}
	var o Object
	seen := make(map[*Attribute]bool, len(fields))
	for name, v := range fields {
		sub := a.Sub(name)
		if sub == nil || sub.Mutability == ReadOnly {
			continue
		}
		at := path + a.separator() + sub.Name
		if seen[sub] {
			return nil, invalid(at, "is there twice, in different letter case")
		}
		seen[sub] = true
		value, err := DecodeValue(sub, at, v)
		if err != nil {
			return nil, err
		}
		o = o.With(sub, value)
	}
	if len(o) == 0 {
		return nil, nil
	}
	return o, nil
}

func decodeBoolean(path string, v any) (any, error) {
	switch v := v.(type) {
	case bool:
		return v, nil
	case string:
		if b, err := strconv.ParseBool(strings.ToLower(v)); err == nil && len(v) > 1 {
			return b, nil
		}
	}
	return nil, invalid(path, "must be a boolean")
}

func decodeNumber(a *Attribute, path string, v any) (any, error) {
	number, ok := v.(json.Number)
	if text, isText := v.(string); isText && json.Valid([]byte(text)) { // "NaN" is none
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
	var s string
	switch v := v.(type) {
	case string:
		s = v
	case json.Number: // employee numbers come as numbers
		s = v.String()
	default:
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
		if _, err := time.Parse(time.RFC3339, s); err != nil {
			return nil, invalid(path, "must be a date and time as in 2011-08-01T18:29:49Z")
		}
	case Binary:
		if _, err := base64.StdEncoding.DecodeString(s); err != nil {
			return nil, invalid(path, "must be base64")
		}
	}
	return s, nil
}

// DecodeMembers reads a group's members: objects with a value, ids, or one of either.
func DecodeMembers(v any) ([]string, error) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
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
		if strings.EqualFold(o.String(Members.Sub("type")), "Group") {
			return nil, invalid(path, "is a group: nested groups are not supported; push the group's users instead")
		}
		ids = append(ids, id)
	}
	return ids, nil
}
