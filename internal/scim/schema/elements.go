package schema

import (
	"hash/maphash"
	"slices"
)

// Elements finds values of a multi-valued attribute by what makes two of them the same one: their value and type
// (RFC 7643 section 2.4), or all sub-attributes if they have no value. The time of many searches is linear in
// their number and in that of the values.
type Elements struct {
	a           *Attribute
	value, kind *Attribute // the sub-attributes; nil if a has none
	values      []any
	scans       int
	indices     map[elementKey]int // nil until it is needed
}

// mostScans is the number of searches that compare each value. An index costs as much as several of them.
const mostScans = 4

// elementKey identifies an element.
type elementKey struct {
	form        keyForm
	value, kind string
	content     uint64
}

type keyForm int

const (
	byValueAndType keyForm = iota // kind is "" if the element has no type
	byValue
	byContent // the element has no value
)

// NewElements returns an index of some values.
func NewElements(a *Attribute, values []any) *Elements {
	return &Elements{a: a, value: a.Sub("value"), kind: a.Sub("type"), values: slices.Clip(values)}
}

// Add adds a value. Its index is the number of values before it.
func (e *Elements) Add(v any) {
	e.values = append(e.values, v)
	if e.indices != nil {
		e.addIndex(e.key(v), len(e.values)-1)
	}
}

// Find returns the index of the first value that is the same one as v. A v without a type may be of any type.
func (e *Elements) Find(v any) (i int, found bool) {
	key := e.key(v)
	if key.form == byValueAndType && key.kind == "" {
		key.form = byValue
	}
	return e.search(key)
}

// Selects reports whether the values name v: one of them is the same one, or has the same value and no type.
func (e *Elements) Selects(v any) bool {
	key := e.key(v)
	_, selected := e.search(key)
	if key.form == byValueAndType && !selected {
		key.kind = ""
		_, selected = e.search(key)
	}
	return selected
}

func (e *Elements) search(key elementKey) (i int, found bool) {
	if e.indices == nil && e.scans < mostScans {
		e.scans++
		i = slices.IndexFunc(e.values, func(v any) bool {
			other := e.key(v)
			return other == key || key.form == byValue && other.form == byValueAndType && other.value == key.value
		})
		return i, i >= 0
	}
	if e.indices == nil {
		e.indices = make(map[elementKey]int, 2*len(e.values))
		for i, v := range e.values {
			e.addIndex(e.key(v), i)
		}
	}
	i, found = e.indices[key]
	return i, found
}

// addIndex adds the index of a value, unless the same one is there.
func (e *Elements) addIndex(key elementKey, i int) {
	if _, there := e.indices[key]; there {
		return
	}
	e.indices[key] = i
	if key.form == byValueAndType {
		anyType := elementKey{form: byValue, value: key.value}
		if _, there := e.indices[anyType]; !there {
			e.indices[anyType] = i
		}
	}
}

func (e *Elements) key(v any) elementKey {
	if o, isComplex := v.(Object); isComplex && e.value != nil {
		if value, isText := o.Get(e.value).(string); isText {
			return elementKey{form: byValueAndType, value: value, kind: o.String(e.kind)}
		}
	}
	return elementKey{form: byContent, content: contentHash(v)}
}

var seed = maphash.MakeSeed()

// contentHash returns a hash of a value that does not depend on the order of an object's fields. It does not copy
// the value, which may be long.
func contentHash(v any) (hash uint64) {
	switch v := v.(type) {
	case Object:
		for _, f := range v {
			if f.Value != nil {
				hash ^= maphash.Comparable(seed, hashed[*Attribute]{f.Attribute, contentHash(f.Value)})
			}
		}
		return hash
	case []any:
		for _, item := range v {
			hash = maphash.Comparable(seed, hashed[uint64]{hash, contentHash(item)})
		}
		return hash
	}
	return maphash.Comparable(seed, v)
}

// hashed is a part of what contentHash hashes.
type hashed[T comparable] struct {
	before T
	hash   uint64
}

// Distinct returns the values with those of one value and type merged into the first of them.
func Distinct(a *Attribute, values []any) []any {
	if len(values) < 2 {
		return values
	}
	distinct := NewElements(a, nil)
	for _, v := range values {
		if i, there := distinct.search(distinct.key(v)); there {
			distinct.values[i] = Merge(distinct.values[i], v)
		} else {
			distinct.Add(v)
		}
	}
	return distinct.values
}

// Merge returns a complex value with the sub-attributes of another one set in it. A field of nil unassigns the
// sub-attribute, and sub-attributes that the other value does not name stay (RFC 7644 section 3.5.2.3). A simple
// value is replaced.
func Merge(current, value any) any {
	given, isComplex := value.(Object)
	if !isComplex {
		return value
	}
	o, _ := current.(Object)
	for _, f := range given {
		if inner, isComplex := f.Value.(Object); isComplex {
			o = o.With(f.Attribute, Merge(o.Get(f.Attribute), inner))
		} else {
			o = o.With(f.Attribute, f.Value)
		}
	}
	return o
}
