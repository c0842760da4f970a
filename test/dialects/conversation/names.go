package conversation

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Names are what ${name} stands for.
type Names map[string]string

var reference = regexp.MustCompile(`\$\{([^}]*)\}`)

// In returns the step with every name replaced by its value.
func (n Names) In(s Step) (Step, error) {
	missing := map[string]bool{}
	s.Request = n.text(s.Request, missing)
	s.Body = n.value(s.Body, missing)
	headers := make(map[string]string, len(s.Headers))
	for name, value := range s.Headers {
		headers[name] = n.text(value, missing)
	}
	s.Headers = headers
	if len(missing) > 0 {
		return s, fmt.Errorf("nothing is known by the name of %s", strings.Join(slices.Sorted(maps.Keys(missing)), ", "))
	}
	return s, nil
}

func (n Names) text(s string, missing map[string]bool) string {
	return reference.ReplaceAllStringFunc(s, func(found string) string {
		name := found[2 : len(found)-1]
		if _, known := n[name]; !known {
			missing[name] = true
		}
		return n[name]
	})
}

func (n Names) value(v any, missing map[string]bool) any {
	switch v := v.(type) {
	case string:
		return n.text(v, missing)
	case map[string]any:
		replaced := make(map[string]any, len(v))
		for key, inner := range v {
			replaced[key] = n.value(inner, missing)
		}
		return replaced
	case []any:
		replaced := make([]any, len(v))
		for i, inner := range v {
			replaced[i] = n.value(inner, missing)
		}
		return replaced
	}
	return v
}

// Keep takes the values that the step names from an answer.
func (n Names) Keep(s Step, answer any) error {
	for name, path := range s.Keep {
		value, ok := valueAt(answer, strings.Split(path, ".")).(string)
		if !ok || value == "" {
			return fmt.Errorf("the answer has no text at %s to be kept as %s", path, name)
		}
		n[name] = value
	}
	return nil
}

// valueAt returns the value that a path leads to, or nil.
func valueAt(v any, path []string) any {
	if len(path) == 0 {
		return v
	}
	switch v := v.(type) {
	case map[string]any:
		return valueAt(v[path[0]], path[1:])
	case []any:
		if i, err := strconv.Atoi(path[0]); err == nil && i >= 0 && i < len(v) {
			return valueAt(v[i], path[1:])
		}
	}
	return nil
}
