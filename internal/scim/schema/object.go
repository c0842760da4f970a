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
// An unassigned attribute has no field (RFC 7643 section 2.5: null and the empty array are unassigned).
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

// With returns a copy of o in which the attribute has the value v. A v of nil or an empty []any unassigns the
// attribute.
func (o Object) With(a *Attribute, v any) Object {
	if list, ok := v.([]any); v == nil || ok && len(list) == 0 {
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
