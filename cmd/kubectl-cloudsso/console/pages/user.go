package pages

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// person is the page of a user.
type person struct {
	User  *v1alpha1.CloudSSOUser
	State v1alpha1.UserState
	// Attributes are those that the provider sent, or that a person has declared.
	Attributes []attribute
	// Change is the last change over SCIM; nil if none is recorded.
	Change *policy.LastChange
}

// attribute is an attribute of SCIM and its value as text.
type attribute struct{ Name, Value string }

func (c *console) user(r *request) (*view, error) {
	u := &v1alpha1.CloudSSOUser{}
	if err := r.Client.Get(r.Context(), client.ObjectKey{Namespace: r.namespace(), Name: r.PathValue("name")}, u); err != nil {
		return nil, err
	}
	attributes, err := attributesOf(&u.Spec)
	if err != nil {
		return nil, err
	}
	p := person{User: u, State: stateOf(u), Attributes: attributes}
	if change, known := policy.LastChangeOf(u); known {
		p.Change = &change
	}
	return &view{Title: u.Spec.UserName, template: "user", Data: p}, nil
}

// notAttributes are the fields of spec that no identity provider sends, or that the page shows elsewhere.
var notAttributes = []string{"source", "suspended", "deprovisionedAt", "withheld"}

// attributesOf returns the attributes of a user in the names of SCIM, sorted: "name.givenName", "emails[0].value".
func attributesOf(spec *v1alpha1.CloudSSOUserSpec) (attributes []attribute, err error) {
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	for _, name := range notAttributes {
		delete(fields, name)
	}
	return flattened(nil, "", fields), nil
}

func flattened(to []attribute, name string, value any) []attribute {
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			path := key
			if name != "" {
				path = name + "." + key
			}
			to = flattened(to, path, value[key])
		}
	case []any:
		for i, item := range value {
			to = flattened(to, fmt.Sprintf("%s[%d]", name, i), item)
		}
	default:
		to = append(to, attribute{name, fmt.Sprint(value)})
	}
	return to
}
