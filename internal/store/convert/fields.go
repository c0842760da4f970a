package convert

import "github.com/cloudsso/cloudsso-operator/internal/scim/schema"

// field ties an attribute to its place in a T, a spec or a part of one: both directions of a conversion.
type field[T any] struct {
	attribute *schema.Attribute
	// value returns the attribute's value as a schema.Object holds it; nil if it is unassigned.
	value func(from *T) any
	set   func(to *T, value any)
}

// fields are the attributes that a T holds.
type fields[T any] []field[T]

// mostFields is the number of a user's attributes. A longer list costs one more allocation.
const mostFields = 24

func (fs fields[T]) read(from *T) schema.Object {
	var room [mostFields]schema.Field // on the stack, so that the object that is kept has no spare room
	o := room[:0]
	for _, f := range fs {
		if v := f.value(from); v != nil {
			o = append(o, schema.Field{Attribute: f.attribute, Value: v})
		}
	}
	if len(o) == 0 {
		return nil
	}
	return append(make(schema.Object, 0, len(o)), o...)
}

// write makes a T hold exactly these attributes. Fields of other origin stay.
func (fs fields[T]) write(o schema.Object, to *T) {
	for _, f := range fs {
		f.set(to, o.Get(f.attribute))
	}
}

// Mapping maps the attributes of a SCIM resource to a T, the spec of its custom resource, and back.
type Mapping[T any] struct {
	fields      fields[T]
	byAttribute map[*schema.Attribute]field[T]
}

func newMapping[T any](fs fields[T]) *Mapping[T] {
	m := &Mapping[T]{fs, make(map[*schema.Attribute]field[T], len(fs))}
	for _, f := range fs {
		m.byAttribute[f.attribute] = f
	}
	return m
}

// Attributes returns the attributes that a spec holds.
func (m *Mapping[T]) Attributes(spec *T) schema.Object { return m.fields.read(spec) }

// SetAttributes makes a spec hold exactly these attributes. Fields that are not SCIM's stay.
func (m *Mapping[T]) SetAttributes(o schema.Object, spec *T) { m.fields.write(o, spec) }

// Attribute returns one attribute of a spec without the others, nil if it is unassigned, and whether the spec holds such
// an attribute at all.
func (m *Mapping[T]) Attribute(spec *T, a *schema.Attribute) (value any, known bool) {
	f, known := m.byAttribute[a]
	if !known {
		return nil, false
	}
	return f.value(spec), true
}

// scalar returns the field of a string, unassigned when it is "".
func scalar[T any](a *schema.Attribute, at func(*T) *string) field[T] {
	return field[T]{
		attribute: a,
		value: func(from *T) any {
			if v := *at(from); v != "" {
				return v
			}
			return nil
		},
		set: func(to *T, value any) { *at(to), _ = value.(string) },
	}
}

// mark returns the field of a boolean that may be unassigned.
func mark[T any](a *schema.Attribute, at func(*T) **bool) field[T] {
	return field[T]{
		attribute: a,
		value: func(from *T) any {
			if b := *at(from); b != nil {
				return *b
			}
			return nil
		},
		set: func(to *T, value any) { setBool(at(to), value) },
	}
}

// trueUnlessSet returns the field of a boolean that is true while it is unassigned.
func trueUnlessSet[T any](a *schema.Attribute, at func(*T) **bool) field[T] {
	return field[T]{
		attribute: a,
		value: func(from *T) any {
			b := *at(from)
			return b == nil || *b
		},
		set: func(to *T, value any) { setBool(at(to), value) },
	}
}

func setBool(to **bool, value any) {
	*to = nil
	if b, sent := value.(bool); sent {
		*to = &b
	}
}

// complexValue returns the field of a V, unassigned when it has no sub-attribute.
func complexValue[T, V any](a *schema.Attribute, at func(*T) **V, parts fields[V]) field[T] {
	return field[T]{
		attribute: a,
		value: func(from *T) any {
			if v := *at(from); v != nil {
				if o := parts.read(v); o != nil {
					return o
				}
			}
			return nil
		},
		set: func(to *T, value any) {
			*at(to) = nil
			if o, sent := value.(schema.Object); sent {
				*at(to) = new(V)
				parts.write(o, *at(to))
			}
		},
	}
}

// multiValue returns the field of a list of V, unassigned when it is empty.
func multiValue[T, V any](a *schema.Attribute, at func(*T) *[]V, parts fields[V]) field[T] {
	return field[T]{
		attribute: a,
		value: func(from *T) any {
			values := *at(from)
			if len(values) == 0 {
				return nil
			}
			all := make([]any, len(values))
			for i := range values {
				all[i] = parts.read(&values[i])
			}
			return all
		},
		set: func(to *T, value any) {
			values, _ := value.([]any)
			if len(values) == 0 {
				*at(to) = nil
				return
			}
			all := make([]V, len(values))
			for i := range values {
				o, _ := values[i].(schema.Object)
				parts.write(o, &all[i])
			}
			*at(to) = all
		},
	}
}
