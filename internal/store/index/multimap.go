package index

import "slices"

// multimap maps a key to one value, or to several in no order. Most keys have one, which needs no slice. The empty key
// holds nothing.
type multimap[V comparable] struct {
	one     map[string]V
	several map[string][]V
}

func newMultimap[V comparable]() multimap[V] { return multimap[V]{map[string]V{}, map[string][]V{}} }

// all returns the values of a key; the slice is the caller's.
func (m multimap[V]) all(key string) []V {
	if v, found := m.one[key]; found {
		return []V{v}
	}
	return slices.Clone(m.several[key])
}

// shared returns the keys that have several values.
func (m multimap[V]) shared() []string {
	keys := make([]string, 0, len(m.several))
	for key := range m.several {
		keys = append(keys, key)
	}
	return keys
}

// keys returns the keys that have a value.
func (m multimap[V]) keys() []string {
	keys := m.shared()
	for key := range m.one {
		keys = append(keys, key)
	}
	return keys
}

func (m multimap[V]) add(key string, v V) {
	values := m.all(key)
	if key != "" && !slices.Contains(values, v) {
		m.set(key, append(values, v))
	}
}

func (m multimap[V]) remove(key string, v V) {
	if values := m.all(key); slices.Contains(values, v) {
		m.set(key, slices.DeleteFunc(values, func(other V) bool { return other == v }))
	}
}

func (m multimap[V]) set(key string, values []V) {
	delete(m.one, key)
	delete(m.several, key)
	switch len(values) {
	case 0:
	case 1:
		m.one[key] = values[0]
	default:
		m.several[key] = values
	}
}
