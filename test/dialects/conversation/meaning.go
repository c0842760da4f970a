package conversation

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Differences says where an answer does not mean what is expected.
//
//   - An object has to have the members that are expected; others do not matter. One that is expected to
//     be null must be null or not there (RFC 7643 section 2.5 makes no difference).
//   - A list has to have as many values as are expected, one for each, in any order: SCIM gives the order
//     of values no meaning.
//   - Anything else has to be equal.
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

// paired says whether each value can be given one that is expected. It tries all ways: lists are short.
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
