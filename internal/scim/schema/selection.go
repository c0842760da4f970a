package schema

import (
	"slices"
	"strings"
)

// Selection says which attributes of a resource a client wants: its parameters attributes and
// excludedAttributes (RFC 7644 section 3.9), under the rules of "returned" (RFC 7643 section 7). The zero
// value selects the attributes that are returned by default.
type Selection struct {
	only, except []Path
}

// ParseSelection reads the two parameters, each a comma-separated list of attribute names or "". Of a value path the
// name before the bracket counts, because a selection is of attributes and not of values. A name without an attribute
// selects nothing. If both are given, attributes takes precedence.
func ParseSelection(rt *ResourceType, attributes, excludedAttributes string) Selection {
	if only := parsePaths(rt, attributes); strings.TrimSpace(attributes) != "" {
		return Selection{only: append(only, Path{ID})} // an empty list would select the default
	}
	return Selection{except: parsePaths(rt, excludedAttributes)}
}

func parsePaths(rt *ResourceType, list string) (all []Path) {
	if list == "" {
		return nil // most requests have neither parameter
	}
	for name := range strings.SplitSeq(withoutBrackets(list), ",") {
		if p := rt.Resolve(strings.TrimSpace(name)); p != nil {
			all = append(all, p)
		}
	}
	return all
}

// withoutBrackets cuts each item of a list at its first bracket. A comma within brackets or quotes does not end an
// item.
func withoutBrackets(list string) string {
	if !strings.Contains(list, "[") {
		return list
	}
	var names strings.Builder
	isCut, depth, inQuotes := false, 0, false
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case inQuotes && c == '\\':
			i++
		case depth > 0 && c == '"':
			inQuotes = !inQuotes
		case inQuotes:
		case c == '[':
			isCut = true
			depth++
		case c == ']':
			depth--
		case c == ',' && depth <= 0:
			isCut, depth = false, 0
			names.WriteByte(c)
		case !isCut:
			names.WriteByte(c)
		}
	}
	return names.String()
}

// Has reports whether any part of a top-level attribute is selected.
func (s Selection) Has(a *Attribute) bool { return s.has(Path{a}) }

// Names reports whether the parameter attributes names the attribute at a path, or one that contains it.
func (s Selection) Names(path ...*Attribute) bool { return covers(s.only, path) }

// Apply returns an object with the selected attributes only.
func (s Selection) Apply(o Object) Object {
	if s.isDefault() && !slices.ContainsFunc(o, func(f Field) bool { return !f.Attribute.returnedByDefault }) {
		return o // the common case
	}
	return s.apply(nil, o)
}

// Within returns the selected sub-attributes of a top-level attribute.
func (s Selection) Within(a *Attribute) []*Attribute {
	switch {
	case !s.Has(a):
		return nil
	case s.isDefault() && a.returnedByDefault:
		return a.SubAttributes // the common case
	}
	return slices.DeleteFunc(slices.Clone(a.SubAttributes), func(sub *Attribute) bool { return !s.has(Path{a, sub}) })
}

func (s Selection) isDefault() bool { return len(s.only)+len(s.except) == 0 }

func (s Selection) apply(to Path, o Object) Object {
	var selected Object
	for _, f := range o {
		path := append(to[:len(to):len(to)], f.Attribute)
		if !s.has(path) {
			continue
		}
		if v := s.value(path, f.Value); v != nil {
			selected = append(selected, Field{f.Attribute, v})
		}
	}
	return selected
}

func (s Selection) value(path Path, v any) any {
	switch v := v.(type) {
	case Object:
		if o := s.apply(path, v); len(o) > 0 {
			return o
		}
		return nil
	case []any:
		var values []any
		for _, item := range v {
			if item = s.value(path, item); item != nil {
				values = append(values, item)
			}
		}
		if len(values) == 0 {
			return nil
		}
		return values
	}
	return v
}

func (s Selection) has(path Path) bool {
	switch path.Last().Returned {
	case ReturnedAlways:
		return true
	case ReturnedNever:
		return false
	case ReturnedRequest:
		return covers(s.only, path)
	}
	if len(s.only) > 0 {
		return covers(s.only, path)
	}
	for _, p := range s.except {
		if len(p) <= len(path) && overlaps(p, path) {
			return false
		}
	}
	return true
}

// covers reports whether one of the paths is equal to the path, contains it, or lies within it.
func covers(named []Path, path Path) bool {
	for _, p := range named {
		if overlaps(p, path) {
			return true
		}
	}
	return false
}

func overlaps(a, b Path) bool {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
