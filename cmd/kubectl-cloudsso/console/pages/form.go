package pages

import (
	"errors"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// field is an input of a form, with its label and what is said about it.
type field struct {
	Name  string
	Label string
	Hint  string // "" without one
	Value string
	Fault string // why the value was refused; "" if it was not
	// Type is that of an input; "choice", "lines" and "check" are other elements. "" is a text.
	Type     string
	Options  []option
	Required bool
}

// DescribedBy returns the ids of what is said about the input, the most urgent first.
func (f field) DescribedBy() string {
	var ids []string
	if f.Fault != "" {
		ids = append(ids, f.Name+"-fault")
	}
	if f.Hint != "" {
		ids = append(ids, f.Name+"-hint")
	}
	return strings.Join(ids, " ")
}

// option is one of the values of a choice.
type option struct{ Value, Label string }

// choiceOf returns options whose labels are the texts of a key and the value.
func choiceOf(key string, values ...string) []option {
	options := make([]option, len(values))
	for i, v := range values {
		options[i] = option{v, text(key + v)}
	}
	return options
}

// checked is the value of a check box that is on.
const checked = "true"

// faults are what was refused of a form, by the name of the input; under "" what is about none.
type faults map[string]string

// faultsOf returns what the API server refuses, in its own words. inputs are the names of the form's inputs by field of the object.
func faultsOf(err error, inputs map[string]string) faults {
	found := faults{}
	var status apierrors.APIStatus
	if !apierrors.IsInvalid(err) || !errors.As(err, &status) || status.Status().Details == nil {
		return faults{"": err.Error()}
	}
	for _, cause := range status.Status().Details.Causes {
		input, words := inputOf(cause.Field, inputs), cause.Message
		if input == "" { // no label is beside it
			words = plugin.JoinNonEmpty(": ", cause.Field, words)
		}
		found[input] = strings.TrimSpace(found[input] + " " + words)
	}
	if len(found) == 0 || len(found) == 1 && found[""] != "" { // the whole message says it best
		return faults{"": err.Error()}
	}
	return found
}

// inputOf returns the input of a field, or of the nearest field around it; "" if there is none.
func inputOf(path string, inputs map[string]string) string {
	for path != "" {
		if input := inputs[path]; input != "" {
			return input
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return ""
}
