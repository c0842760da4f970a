package convert

import "github.com/cloudsso/cloudsso-operator/internal/scim/schema"

// field ties an attribute to its place in a T, a spec or a part of one: both directions of a conversion.
type field[T any] interface {
	attribute() *schema.Attribute
	// value returns the attribute's value as a schema.Object holds it; nil if it is unassigned.
	value(from *T) any
	set(to *T, value any)
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
			o = append(o, schema.Field{Attribute: f.attribute(), Value: v})
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
		f.set(to, o.Get(f.attribute()))
	}
}

// reader returns a function that reads one attribute without the others.
func (fs fields[T]) reader() func(from *T, a *schema.Attribute) (value any, known bool) {
	byAttribute := make(map[*schema.Attribute]field[T], len(fs))
	for _, f := range fs {
		byAttribute[f.attribute()] = f
	}
	return func(from *T, a *schema.Attribute) (any, bool) {
		f, known := byAttribute[a]
		if !known {
			return nil, false
		}
		return f.value(from), true
	}
}

// text is a string, unassigned when it is "".
type text[T any] struct {
	of *schema.Attribute
	at func(*T) *string
}

func (f text[T]) attribute() *schema.Attribute { return f.of }

func (f text[T]) value(from *T) any {
	if s := *f.at(from); s != "" {
		return s
	}
	return nil
}

func (f text[T]) set(to *T, value any) { *f.at(to), _ = value.(string) }

// mark is a boolean that may be unassigned.
type mark[T any] struct {
	of *schema.Attribute
	at func(*T) **bool
}

func (f mark[T]) attribute() *schema.Attribute { return f.of }

func (f mark[T]) value(from *T) any {
	if b := *f.at(from); b != nil {
		return *b
	}
	return nil
}

func (f mark[T]) set(to *T, value any) { setBool(f.at(to), value) }

func setBool(to **bool, value any) {
	*to = nil
	if b, sent := value.(bool); sent {
		*to = &b
	}
}

// trueUnlessSet is a boolean that is true while it is unassigned.
type trueUnlessSet[T any] struct {
	of *schema.Attribute
	at func(*T) **bool
}

func (f trueUnlessSet[T]) attribute() *schema.Attribute { return f.of }

func (f trueUnlessSet[T]) value(from *T) any {
	b := *f.at(from)
	return b == nil || *b
}

func (f trueUnlessSet[T]) set(to *T, value any) { setBool(f.at(to), value) }

// complexValue is a V, unassigned when it has no sub-attribute.
type complexValue[T, V any] struct {
	of    *schema.Attribute
	at    func(*T) **V
	parts fields[V]
}

func (f complexValue[T, V]) attribute() *schema.Attribute { return f.of }

func (f complexValue[T, V]) value(from *T) any {
	v := *f.at(from)
	if v == nil {
		return nil
	}
	if o := f.parts.read(v); o != nil {
		return o
	}
	return nil
}

func (f complexValue[T, V]) set(to *T, value any) {
	*f.at(to) = nil
	if o, sent := value.(schema.Object); sent {
		v := new(V)
		f.parts.write(o, v)
		*f.at(to) = v
	}
}

// multiValue is a list of V, unassigned when it is empty.
type multiValue[T, V any] struct {
	of    *schema.Attribute
	at    func(*T) *[]V
	parts fields[V]
}

func (f multiValue[T, V]) attribute() *schema.Attribute { return f.of }

func (f multiValue[T, V]) value(from *T) any {
	values := *f.at(from)
	if len(values) == 0 {
		return nil
	}
	all := make([]any, len(values))
	for i := range values {
		all[i] = f.parts.read(&values[i])
	}
	return all
}

func (f multiValue[T, V]) set(to *T, value any) {
	values, _ := value.([]any)
	if len(values) == 0 {
		*f.at(to) = nil
		return
	}
	all := make([]V, len(values))
	for i := range values {
		o, _ := values[i].(schema.Object)
		f.parts.write(o, &all[i])
	}
	*f.at(to) = all
}
