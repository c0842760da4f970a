// Package reference reads the examples of the pages in docs/reference, for tests that compute what they show.
package reference

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// exampleBlock matches a fenced block of YAML.
var exampleBlock = regexp.MustCompile("(?m)^```yaml\n((?:.*\n)*?)```$")

// WithStatus returns the objects in the examples of a page that have a status.
func WithStatus[T any](page string) (all []T, err error) {
	content, err := os.ReadFile(page)
	if err != nil {
		return nil, err
	}
	for _, match := range exampleBlock.FindAllStringSubmatch(string(content), -1) {
		if !strings.Contains(match[1], "\nstatus:\n") {
			continue
		}
		var object T
		if err := yaml.UnmarshalStrict([]byte(match[1]), &object); err != nil {
			return nil, fmt.Errorf("an example of %s: %w", page, err)
		}
		all = append(all, object)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no example of %s has a status", page)
	}
	return all, nil
}

// WithoutTimes returns conditions without the times of their transitions, which an example invents.
func WithoutTimes(conditions []metav1.Condition) []metav1.Condition {
	all := slices.Clone(conditions)
	for i := range all {
		all[i].LastTransitionTime = metav1.Time{}
	}
	return all
}
