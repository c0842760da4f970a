package schema

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// AppendJSON appends an object as JSON. Its fields are in the order of the attributes given: those of a
// resource type, or the sub-attributes of a complex attribute. Fields of other attributes are left out.
func AppendJSON(dst []byte, attributes []*Attribute, o Object) []byte {
	at := len(dst)
	for _, a := range attributes {
		if v := o.Get(a); v != nil {
			dst = AppendValue(AppendName(dst, a), a, v)
		}
	}
	return Enclose(dst, at, "{}")
}

// AppendName appends a comma and the name of an object's field. The caller appends the value, and Enclose
// replaces the first comma. Nothing in a name needs to be escaped (RFC 7643 section 2.1).
func AppendName(dst []byte, a *Attribute) []byte {
	dst = append(append(dst, `,"`...), a.Name...)
	return append(dst, `":`...)
}

// Enclose puts brackets around what was appended after position at: the fields of an object or the values of
// an array, each with a comma before it. The opening bracket replaces the first comma.
func Enclose(dst []byte, at int, brackets string) []byte {
	if len(dst) == at {
		return append(dst, brackets...)
	}
	dst[at] = brackets[0]
	return append(dst, brackets[1])
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
		at := len(dst)
		for _, item := range v {
			dst = AppendValue(append(dst, ','), a, item)
		}
		return Enclose(dst, at, "[]")
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
