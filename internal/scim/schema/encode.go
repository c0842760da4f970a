package schema

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// AppendJSON appends an object as JSON, its fields in the order of the attributes given: those of a
// resource type, or the sub-attributes of a complex one. Fields of other attributes are left out.
func AppendJSON(dst []byte, attributes []*Attribute, o Object) []byte {
	return append(AppendFields(append(dst, '{'), attributes, o), '}')
}

// AppendFields is AppendJSON without the braces, for a caller that has fields to add.
func AppendFields(dst []byte, attributes []*Attribute, o Object) []byte {
	first := true
	for _, a := range attributes {
		v := o.Get(a)
		if v == nil {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(AppendString(dst, a.Name), ':')
		dst = AppendValue(dst, a, v)
	}
	return dst
}

// AppendValue appends the value of an attribute as JSON.
func AppendValue(dst []byte, a *Attribute, v any) []byte {
	switch v := v.(type) {
	case string:
		return AppendString(dst, v)
	case bool:
		return strconv.AppendBool(dst, v)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case float64:
		return strconv.AppendFloat(dst, v, 'g', -1, 64)
	case Object:
		return AppendJSON(dst, a.SubAttributes, v)
	case []any:
		dst = append(dst, '[')
		for i, item := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = AppendValue(dst, a, item)
		}
		return append(dst, ']')
	}
	return append(dst, "null"...)
}

// AppendString appends a JSON string.
func AppendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			quoted, _ := json.Marshal(s) // a string always marshals; invalid UTF-8 becomes U+FFFD
			return append(dst, quoted...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}
