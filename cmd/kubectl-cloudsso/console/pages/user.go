package pages

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// person is the page of a user.
type person struct {
	User *v1alpha1.CloudSSOUser
	Why  why
	// Attributes are those that the provider sent, or that a person has declared.
	Attributes []attribute
	// IsLocked says that people may not change the attributes, because synchronization is on.
	IsLocked bool
	History  history
	// NoEvents says why the Events are not in the history; "" if they are.
	NoEvents string
	// Access is nil if the page reads it when it is shown.
	Access *userAccess
	Rights rights
}

// attribute is an attribute of SCIM and its value as text.
type attribute struct{ Name, Value string }

// The rights that the controls of a user need.
var (
	mayChangeUsers = rightTo("patch", "cloudssousers")
	mayDeleteUsers = rightTo("delete", "cloudssousers")
)

// LacksChange and LacksDelete return the right that the person lacks; "" if it has it.
func (p person) LacksChange() string { return p.Rights.Missing(mayChangeUsers.over(p.User.Name)) }

// LacksDelete is LacksChange for the deletion.
func (p person) LacksDelete() string { return p.Rights.Missing(mayDeleteUsers.over(p.User.Name)) }

// accessParameter is the parameter of an address that shows groups and access at once, for a browser without scripts.
const accessParameter = "access"

func (c *console) user(r *request) (*view, error) {
	u, err := r.readUser(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	p := person{User: u, Why: whyOf(u)}
	if p.Attributes, err = attributesOf(&u.Spec); err != nil {
		return nil, err
	}
	if p.IsLocked, err = r.isLocked(u); err != nil {
		return nil, err
	}
	if p.Rights, err = r.readRights(mayChangeUsers.over(u.Name), mayDeleteUsers.over(u.Name)); err != nil {
		return nil, err
	}
	events, err := r.readEvents(u)
	if err != nil {
		p.NoEvents = err.Error()
	}
	p.History = historyOf(u, events)
	if r.URL.Query().Has(accessParameter) {
		p.Access = r.readAccess(u)
	}
	return &view{Title: u.Spec.UserName, template: "user", Data: p}, nil
}

func (r *request) readUser(name string) (*v1alpha1.CloudSSOUser, error) {
	u := &v1alpha1.CloudSSOUser{}
	return u, r.Client.Get(r.Context(), client.ObjectKey{Namespace: r.namespace(), Name: name}, u)
}

// userPath returns the address of a user's page.
func userPath(u *v1alpha1.CloudSSOUser) string {
	return "/directories/" + u.Namespace + "/users/" + u.Name
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
