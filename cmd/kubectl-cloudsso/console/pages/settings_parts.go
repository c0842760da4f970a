package pages

import (
	"net/url"
	"strconv"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/jsonpatch"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// settingPart is one field of the spec as inputs.
type settingPart struct {
	field  string
	title  string // a key of texts
	fields []field
	// build returns the field's value that typed values mean; nil to remove the field. What is no number is sent as it was typed,
	// because the API server says what is wrong.
	build func(url.Values) any
}

var settingParts = []settingPart{
	{"existingUsers", "settings.existing", []field{
		{Name: "existingUsers", Label: text("settings.existingLabel"), Type: "choice", Options: choiceOf("settings.existing.", "Reject", "Adopt")},
	}, func(v url.Values) any { return v.Get("existingUsers") }},
	{"rateLimit", "settings.rate", []field{
		{Name: "requestsPerSecond", Label: text("settings.requestsPerSecond"), Hint: text("settings.rateHint"), Type: "number"},
		{Name: "burst", Label: text("settings.burst"), Type: "number"},
	}, rateOf},
	{"disablementBudget", "settings.budget", []field{
		{Name: "budget", Label: text("settings.budgetLabel"), Hint: text("settings.budgetHint"), Type: "choice", Options: choiceOf("settings.budget.", "none", "count", "percent")},
		{Name: "amount", Label: text("settings.amount"), Type: "number"},
		{Name: "window", Label: text("settings.window"), Hint: text("settings.windowHint")},
	}, budgetOf},
	{usernameField, "settings.username", []field{
		{Name: "attribute", Label: text("settings.attribute"), Hint: text("settings.usernameHint"), Type: "choice", Options: choiceOf("settings.attribute.", "default", "userName", "email", "externalId")},
		{Name: "prefix", Label: text("settings.prefix"), Hint: text("settings.prefixHint")},
		{Name: "lowercase", Label: text("settings.lowercase"), Type: "check"},
	}, usernameOf},
}

// usernameField is the field that takes a right of its own.
const usernameField = "kubernetesUsername"

// settingInputs are the inputs by field of the object, for what the API server refuses.
var settingInputs = map[string]string{
	"spec.existingUsers": "existingUsers",
	"spec.rateLimit":     "requestsPerSecond", "spec.rateLimit.burst": "burst",
	"spec.disablementBudget": "amount", "spec.disablementBudget.window": "window",
	"spec.kubernetesUsername": "attribute", "spec.kubernetesUsername.prefix": "prefix",
}

func rateOf(v url.Values) any {
	limit := map[string]any{}
	for _, name := range []string{"requestsPerSecond", "burst"} {
		if typed := v.Get(name); typed != "" {
			limit[name] = numberOr(typed)
		}
	}
	if len(limit) == 0 {
		return nil
	}
	return limit
}

func budgetOf(v url.Values) any {
	unit := v.Get("budget")
	if unit == "none" {
		return nil
	}
	return map[string]any{unit: numberOr(v.Get("amount")), "window": v.Get("window")}
}

func usernameOf(v url.Values) any {
	if v.Get("attribute") == "default" && v.Get("prefix") == "" && v.Get("lowercase") == "" {
		return nil
	}
	username := map[string]any{"lowercase": v.Get("lowercase") == checked}
	if attribute := v.Get("attribute"); attribute != "default" {
		username["attribute"] = attribute
	}
	if prefix := v.Get("prefix"); prefix != "" {
		username["prefix"] = prefix
	}
	return username
}

// numberOr returns the number that was typed, or else what was typed.
func numberOr(typed string) any {
	if n, err := strconv.ParseInt(typed, 10, 64); err == nil {
		return n
	}
	return typed
}

// valuesOf returns the settings of a directory as the form shows them.
func valuesOf(d *v1alpha1.CloudSSODirectory) url.Values {
	v := url.Values{
		"existingUsers": {string(d.Spec.ExistingUsers)}, "requestsPerSecond": {""}, "burst": {""},
		"budget": {"none"}, "amount": {""}, "window": {""}, "attribute": {"default"}, "prefix": {""},
	}
	if limit := d.Spec.RateLimit; limit != nil {
		v.Set("requestsPerSecond", strconv.Itoa(int(limit.RequestsPerSecond)))
		v.Set("burst", strconv.Itoa(int(limit.Burst)))
	}
	if b := d.Spec.DisablementBudget; b != nil {
		unit, amount := "count", b.Count
		if b.Percent != nil {
			unit, amount = "percent", b.Percent
		}
		v.Set("budget", unit)
		v.Set("amount", number(amount))
		v.Set("window", policy.ShortDuration(b.Window.Duration))
	}
	if k := d.Spec.KubernetesUsername; k != nil {
		v.Set("attribute", string(k.Attribute))
		v.Set("prefix", k.Prefix)
		if k.Lowercase {
			v.Set("lowercase", checked)
		}
	}
	return v
}

// differs reports whether typed values of the part are others than those of the directory.
func (p settingPart) differs(typed, present url.Values) bool {
	for _, f := range p.fields {
		if typed.Get(f.Name) != present.Get(f.Name) {
			return true
		}
	}
	return false
}

// settingsPatch returns the patch that gives a directory the typed settings; empty if it has them. A part that the form left out,
// because the person may not change it, stays.
func settingsPatch(d *v1alpha1.CloudSSODirectory, typed url.Values) (patch jsonpatch.Patch) {
	present := valuesOf(d)
	for _, p := range settingParts {
		if !typed.Has(p.fields[0].Name) || !p.differs(typed, present) {
			continue
		}
		switch value := p.build(typed); {
		case value != nil:
			patch = patch.Add("/spec/"+p.field, value)
		case p.build(present) != nil:
			patch = patch.Remove("/spec/" + p.field)
		}
	}
	return patch
}

// withoutMapping returns typed values, with the mapping of the directory if the form had none.
func withoutMapping(d *v1alpha1.CloudSSODirectory, typed url.Values) url.Values {
	if typed.Has("attribute") {
		return typed
	}
	values := valuesOf(d)
	for name := range typed {
		values.Set(name, typed.Get(name))
	}
	return values
}

// changedFaults says what the directory has by now beside each value that differs from it.
func changedFaults(d *v1alpha1.CloudSSODirectory, typed url.Values) faults {
	refused := faults{"": text("settings.changed")}
	present := valuesOf(d)
	for _, p := range settingParts {
		for _, f := range p.fields {
			if typed.Has(p.fields[0].Name) && typed.Get(f.Name) != present.Get(f.Name) {
				refused[f.Name] = text("settings.now", f.shownValue(present.Get(f.Name)))
			}
		}
	}
	return refused
}

// shownValue returns a value as a person reads it.
func (f field) shownValue(value string) string {
	for _, o := range f.Options {
		if o.Value == value {
			return o.Label
		}
	}
	if value == "" {
		return text("none")
	}
	return value
}
