package conversation

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Differences returns the differences between a response and the expected one.
//
//   - An object must have the expected members, and may have others. A member that is expected to be null may be
//     absent (RFC 7643 section 2.5).
//   - A list must have the expected values, in any order, because the order has no meaning in SCIM.
//   - Any other value must be equal.
func Differences(expected, answer any) []string {
	return differences("the answer", expected, answer)
}

func differences(where string, expected, answer any) []string {
	switch e := expected.(type) {
	case map[string]any:
		return inObject(where, e, answer)
	case []any:
		return inList(where, e, answer)
	}
	if expected != answer {
		return []string{fmt.Sprintf("%s is %s, expected %s", where, shown(answer), shown(expected))}
	}
	return nil
}

func inObject(where string, expected map[string]any, answer any) (all []string) {
	o, ok := answer.(map[string]any)
	if !ok {
		return []string{fmt.Sprintf("%s is %s, expected an object", where, shown(answer))}
	}
	for _, name := range slices.Sorted(maps.Keys(expected)) {
		all = append(all, differences(where+"."+name, expected[name], o[name])...)
	}
	return all
}

func inList(where string, expected []any, answer any) (all []string) {
	values, ok := answer.([]any)
	if !ok || len(values) != len(expected) {
		return []string{fmt.Sprintf("%s is %s, expected a list of %d", where, shown(answer), len(expected))}
	}
	if paired(expected, values) {
		return nil
	}
	for i, e := range expected {
		all = append(all, differences(fmt.Sprintf("%s[%d]", where, i), e, values[i])...)
	}
	return all
}

// paired reports whether the values can be matched with the expected ones in some order. It tries every order, because
// lists are short.
func paired(expected, values []any) bool {
	if len(expected) == 0 {
		return true
	}
	for i, value := range values {
		rest := slices.Delete(slices.Clone(values), i, i+1)
		if len(differences("", expected[0], value)) == 0 && paired(expected[1:], rest) {
			return true
		}
	}
	return false
}

func shown(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}
