package schema

import "slices"

// Object is a complex value, or the attributes of a whole resource: its assigned fields, each at most once.
// With and Without leave it as it is and return a changed copy. The copy shares unchanged values, so that its
// cost is the number of fields and not the size of their values.
//
// The value of a field depends on the type of its attribute:
//
//	string   String, DateTime, Binary, Reference
//	bool     Boolean
//	int64    Integer
//	float64  Decimal
//	Object   Complex
//	[]any    of these, if the attribute is multi-valued; never empty
//
// An unassigned attribute has no field (RFC 7643 section 2.5: null and the empty array are unassigned). Only a
// value that DecodeValue has just returned may have fields of nil: see there.
type Object []Field

// Field is one assigned attribute.
type Field struct {
	Attribute *Attribute
	Value     any
}

// Get returns the attribute's value, or nil if it is unassigned.
func (o Object) Get(a *Attribute) any {
	for i := range o {
		if o[i].Attribute == a {
			return o[i].Value
		}
	}
	return nil
}

// String returns the attribute's value if it is a string, and "" otherwise.
func (o Object) String(a *Attribute) string {
	s, _ := o.Get(a).(string)
	return s
}

// With returns a copy of o in which the attribute has the value v. A v of nil, an empty []any or an empty Object
// unassigns the attribute.
func (o Object) With(a *Attribute, v any) Object {
	if v == nil || IsEmpty(v) {
		return o.Without(a)
	}
	for i := range o {
		if o[i].Attribute == a {
			changed := slices.Clone(o)
			changed[i].Value = v
			return changed
		}
	}
	return append(slices.Clip(o), Field{a, v})
}

// Without returns a copy of o in which the attribute is unassigned.
func (o Object) Without(a *Attribute) Object {
	for i := range o {
		if o[i].Attribute == a {
			return append(slices.Clone(o[:i]), o[i+1:]...)
		}
	}
	return o
}

// IsEmpty reports whether v is an Object without fields or a list without values.
func IsEmpty(v any) bool {
	switch v := v.(type) {
	case Object:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

// Assigned returns a value of DecodeValue without the attributes that it unassigns, or nil if nothing is left.
func Assigned(v any) any {
	switch v := v.(type) {
	case Object:
		assigned := make(Object, 0, len(v))
		for _, f := range v {
			if value := Assigned(f.Value); value != nil {
				assigned = append(assigned, Field{f.Attribute, value})
			}
		}
		if len(assigned) > 0 {
			return assigned
		}
		return nil
	case []any:
		assigned := make([]any, 0, len(v))
		for _, item := range v {
			if value := Assigned(item); value != nil {
				assigned = append(assigned, value)
			}
		}
		if len(assigned) > 0 {
			return assigned
		}
		return nil
	}
	return v
}
