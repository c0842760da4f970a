package schema

import "strings"

// Validate checks a whole resource: required attributes must be present, and at most one value of a
// multi-valued attribute may be primary. Any error is an *Error.
func Validate(rt *ResourceType, o Object) error {
	for _, a := range rt.Attributes {
		if err := validateAttribute(a, a.Name, o.Get(a)); err != nil {
			return err
		}
	}
	return nil
}

func validateAttribute(a *Attribute, path string, v any) error {
	if a.Required && a.Mutability != ReadOnly {
		if text, ok := v.(string); v == nil || ok && strings.TrimSpace(text) == "" {
			return invalid(path, "is required and must not be empty")
		}
	}
	if values, ok := v.([]any); ok {
		return checkPrimary(a, path, values)
	}
	return nil
}

// checkPrimary enforces RFC 7643 section 2.4: at most one value may be primary.
func checkPrimary(a *Attribute, path string, values []any) error {
	primary := a.Sub("primary")
	if primary == nil {
		return nil
	}
	found := false
	for _, v := range values {
		o, _ := v.(Object)
		if is, _ := o.Get(primary).(bool); is {
			if found {
				return invalid(path, "has more than one primary value")
			}
			found = true
		}
	}
	return nil
}

// Equal reports whether two values, as described at Object, are the same. The order of an object's fields does
// not matter. The order of an array's values does.
func Equal(a, b any) bool {
	switch a := a.(type) {
	case Object:
		b, ok := b.(Object)
		if !ok || len(a) != len(b) {
			return false
		}
		for _, f := range a {
			if !Equal(f.Value, b.Get(f.Attribute)) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !Equal(a[i], b[i]) {
				return false
			}
		}
		return true
	}
	return a == b
}
