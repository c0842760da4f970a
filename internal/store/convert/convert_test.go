package convert_test

import (
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
	"github.com/cloudsso/cloudsso-operator/internal/store/convert"
)

type (
	userSpec  = v1alpha1.CloudSSOUserSpec
	groupSpec = v1alpha1.CloudSSOGroupSpec
)

// notSCIM are the fields of a spec that no SCIM attribute sets. A group's members are written apart from its attributes.
var notSCIM = struct{ user, group []string }{
	user:  []string{"Source", "Suspended", "DeprovisionedAt", "Withheld"},
	group: []string{"Source", "Members", "Sliced"},
}

// filler makes values that are all different, so that no two fields can be exchanged unseen.
type filler int

func (f *filler) text() string {
	*f++
	return "value-" + strconv.Itoa(int(*f))
}

// object assigns every attribute that a client may write, except a group's members.
func (f *filler) object(attributes []*schema.Attribute) (o schema.Object) {
	for _, a := range attributes {
		if a.Mutability != schema.ReadOnly && a.Mutability != schema.WriteOnly && a != schema.Members && a != schema.Schemas {
			o = o.With(a, f.value(a))
		}
	}
	return o
}

func (f *filler) value(a *schema.Attribute) any {
	if a.MultiValued {
		return []any{f.one(a), f.one(a)}
	}
	return f.one(a)
}

func (f *filler) one(a *schema.Attribute) any {
	switch a.Type {
	case schema.Complex:
		return f.object(a.SubAttributes)
	case schema.Boolean:
		return true
	}
	return f.text()
}

// fill sets a field, and all that is in it.
func (f *filler) fill(t *testing.T, v reflect.Value) {
	t.Helper()
	if v.Type() == reflect.TypeFor[metav1.Time]() {
		v.Set(reflect.ValueOf(metav1.NewTime(time.Unix(1_700_000_000, 0))))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(f.text())
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(t, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			f.fill(t, v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f.fill(t, v.Field(i))
		}
	default:
		t.Fatalf("a field of type %s: the test does not know how to fill it", v.Type())
	}
}

// filled returns a spec of which no field is empty.
func filled[T any](t *testing.T) (spec T) {
	t.Helper()
	new(filler).fill(t, reflect.ValueOf(&spec).Elem())
	return spec
}

func text(rt *schema.ResourceType, o schema.Object) string {
	return string(schema.AppendJSON(nil, rt.Attributes, o))
}

func TestAttributesAreUnchangedByASpec(t *testing.T) {
	t.Run("User", func(t *testing.T) {
		var spec userSpec
		sent := new(filler).object(schema.User.Attributes)
		convert.User.SetAttributes(sent, &spec)
		if got, want := text(schema.User, convert.User.Attributes(&spec)), text(schema.User, sent); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	})
	t.Run("Group", func(t *testing.T) {
		var spec groupSpec
		sent := new(filler).object(schema.Group.Attributes)
		convert.Group.SetAttributes(sent, &spec)
		if got, want := text(schema.Group, convert.Group.Attributes(&spec)), text(schema.Group, sent); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	})
}

// checkFields compares specs: those of which the attributes were read, and one that they were written to, empty before.
func checkFields[T any](t *testing.T, from, to T, notSCIM []string) {
	t.Helper()
	a, b := reflect.ValueOf(from), reflect.ValueOf(to)
	for i := range a.NumField() {
		name := a.Type().Field(i).Name
		isSame := reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface())
		switch {
		case slices.Contains(notSCIM, name) && !b.Field(i).IsZero():
			t.Errorf("%s is not SCIM's, and an attribute sets it to %v", name, b.Field(i))
		case !slices.Contains(notSCIM, name) && !isSame:
			t.Errorf("%s is no attribute, or not all of it: %+v became %+v. Map it, or list it as not SCIM's", name, a.Field(i), b.Field(i))
		}
	}
	for _, name := range notSCIM {
		if _, exists := a.Type().FieldByName(name); !exists {
			t.Errorf("%s is not SCIM's, and no field any more", name)
		}
	}
}

func TestEveryFieldIsAnAttributeOrListedAsNotSCIM(t *testing.T) {
	t.Run("User", func(t *testing.T) {
		from, to := filled[userSpec](t), userSpec{}
		convert.User.SetAttributes(convert.User.Attributes(&from), &to)
		checkFields(t, from, to, notSCIM.user)
	})
	t.Run("Group", func(t *testing.T) {
		from, to := filled[groupSpec](t), groupSpec{}
		convert.Group.SetAttributes(convert.Group.Attributes(&from), &to)
		checkFields(t, from, to, notSCIM.group)
	})
}

func TestFieldsThatAreNotSCIMStay(t *testing.T) {
	before := filled[userSpec](t)
	after := *before.DeepCopy()
	convert.User.SetAttributes(nil, &after)
	want := userSpec{Source: before.Source, Suspended: before.Suspended, DeprovisionedAt: before.DeprovisionedAt, Withheld: before.Withheld}
	if !reflect.DeepEqual(after, want) {
		t.Errorf("without attributes the user is %+v, want %+v", after, want)
	}
	group := filled[groupSpec](t)
	afterGroup := *group.DeepCopy()
	convert.Group.SetAttributes(nil, &afterGroup)
	wantGroup := groupSpec{Source: group.Source, Members: group.Members, Sliced: group.Sliced}
	if !reflect.DeepEqual(afterGroup, wantGroup) {
		t.Errorf("without attributes the group is %+v, want %+v", afterGroup, wantGroup)
	}
}

func TestAttributesOfASpecAreTheCallers(t *testing.T) {
	spec := filled[userSpec](t)
	before := *spec.DeepCopy()
	attributes := convert.User.Attributes(&spec)
	var other userSpec
	convert.User.SetAttributes(attributes, &other)
	other.Emails[0].Value, other.Name.GivenName, *other.Active = "changed", "changed", false
	if !reflect.DeepEqual(spec, before) {
		t.Error("a spec shares what it holds with the one that its attributes were read from")
	}
}

// checkOne compares what is read of single attributes with what is read of all.
func checkOne(t *testing.T, rt *schema.ResourceType, all schema.Object, one func(*schema.Attribute) (any, bool)) {
	t.Helper()
	for _, a := range rt.Attributes {
		value, known := one(a)
		isHeld := a.Mutability != schema.ReadOnly && a.Mutability != schema.WriteOnly && a != schema.Members && a != schema.Schemas
		if known != isHeld {
			t.Errorf("%s is in the spec: %t", a.Name, known)
		}
		if want := all.Get(a); !reflect.DeepEqual(value, want) {
			t.Errorf("%s is %v, want %v", a.Name, value, want)
		}
	}
}

func TestOneAttributeIsReadAsAllAre(t *testing.T) {
	for name, user := range map[string]userSpec{"filled": filled[userSpec](t), "empty": {}} {
		t.Run("User, "+name, func(t *testing.T) {
			checkOne(t, schema.User, convert.User.Attributes(&user), func(a *schema.Attribute) (any, bool) { return convert.User.Attribute(&user, a) })
		})
	}
	for name, group := range map[string]groupSpec{"filled": filled[groupSpec](t), "empty": {}} {
		t.Run("Group, "+name, func(t *testing.T) {
			checkOne(t, schema.Group, convert.Group.Attributes(&group), func(a *schema.Attribute) (any, bool) { return convert.Group.Attribute(&group, a) })
		})
	}
}

func TestUnassignedAttributes(t *testing.T) {
	for _, test := range []struct {
		name string
		spec userSpec
		want string
	}{
		{"an absent active is true", userSpec{}, `{"active":true}`},
		{"false is a value of active", userSpec{Active: new(bool)}, `{"active":false}`},
		{"an empty complex value", userSpec{Name: &v1alpha1.Name{}}, `{"active":true}`},
		{"an empty complex value in another", userSpec{Enterprise: &v1alpha1.Enterprise{Manager: &v1alpha1.Manager{}}}, `{"active":true}`},
		{"an empty list", userSpec{Emails: []v1alpha1.MultiValue{}}, `{"active":true}`},
		{"a primary that is absent", userSpec{Emails: []v1alpha1.MultiValue{{Value: "a"}}}, `{"active":true,"emails":[{"value":"a"}]}`},
		{"a primary that is false", userSpec{Emails: []v1alpha1.MultiValue{{Value: "a", Primary: new(bool)}}}, `{"active":true,"emails":[{"value":"a","primary":false}]}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := text(schema.User, convert.User.Attributes(&test.spec)); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
	if o := convert.Group.Attributes(&groupSpec{}); o != nil {
		t.Errorf("an empty group has attributes: %v", o)
	}
}

func TestValuesOfAnotherTypeAreNotSet(t *testing.T) {
	spec := filled[userSpec](t)
	convert.User.SetAttributes(schema.Object{{Attribute: schema.UserName, Value: true}, {Attribute: schema.Active, Value: "x"}, {Attribute: schema.Name, Value: "x"}}, &spec)
	if spec.UserName != "" || spec.Active != nil || spec.Name != nil {
		t.Errorf("%q, %v, %v", spec.UserName, spec.Active, spec.Name)
	}
}
