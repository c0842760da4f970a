package directory

import (
	"cmp"
	"iter"
	"slices"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// user is a user as SCIM shows it.
func (t *tenant) user(u *v1alpha1.CloudSSOUser, omit scim.Omit) *scim.Resource {
	r := &scim.Resource{
		Type:         schema.User,
		ID:           u.Name,
		Created:      u.CreationTimestamp.Time,
		LastModified: lastModified(u),
		Attributes:   readUser(&u.Spec),
	}
	if !omit.Groups {
		r.Groups = func(yield func(scim.Reference) bool) {
			for _, reference := range t.groupReferences(u.Name) {
				if !yield(reference) {
					return
				}
			}
		}
	}
	return r
}

func (t *tenant) groupReferences(user string) []scim.Reference {
	var references []scim.Reference
	for _, name := range t.GroupsOf(t.namespace, user) {
		if g, found := t.groups.index.get(t.namespace, name); found && describeGroup(g).listed {
			references = append(references, scim.Reference{Value: name, Display: g.Spec.DisplayName})
		}
	}
	slices.SortFunc(references, func(a, b scim.Reference) int { return cmp.Compare(a.Value, b.Value) })
	return references
}

// group is a group as SCIM shows it.
func (t *tenant) group(g *v1alpha1.CloudSSOGroup, omit scim.Omit) *scim.Resource {
	r := &scim.Resource{
		Type:         schema.Group,
		ID:           g.Name,
		Created:      g.CreationTimestamp.Time,
		LastModified: t.modifiedAt(g),
		Attributes:   readGroup(&g.Spec),
	}
	if !omit.Members {
		r.Members = t.memberReferences(g)
	}
	return r
}

func (t *tenant) memberReferences(g *v1alpha1.CloudSSOGroup) iter.Seq[scim.Reference] {
	return func(yield func(scim.Reference) bool) {
		for name := range t.memberNames(g) {
			if !t.hidden(name) && !yield(t.reference(name)) {
				return
			}
		}
	}
}

// memberNames are the members of a group, those of its own list first, each once.
func (t *tenant) memberNames(g *v1alpha1.CloudSSOGroup) iter.Seq[string] {
	return func(yield func(string) bool) {
		lists := [][]v1alpha1.Member{g.Spec.Members}
		if g.Spec.Sliced {
			for _, s := range t.slicesOf(g) {
				lists = append(lists, s.Spec.Members)
			}
		}
		seen := map[string]bool{}
		for i, list := range lists {
			for _, m := range list {
				if i < len(lists)-1 || i > 0 { // one list has nobody twice
					if seen[m.Name] {
						continue
					}
					seen[m.Name] = true
				}
				if !yield(m.Name) {
					return
				}
			}
		}
	}
}

// text ties a string attribute to its field in T.
type text[T any] struct {
	attribute *schema.Attribute
	field     func(*T) *string
}

// texts are tied strings: both directions of a conversion.
type texts[T any] []text[T]

func (ts texts[T]) read(from *T, o schema.Object) schema.Object {
	for _, t := range ts {
		if s := *t.field(from); s != "" {
			o = append(o, schema.Field{Attribute: t.attribute, Value: s})
		}
	}
	return o
}

func (ts texts[T]) write(o schema.Object, to *T) {
	for _, t := range ts {
		*t.field(to) = o.String(t.attribute)
	}
}

// multiValue ties a multi-valued complex attribute to its field in a user's spec.
type multiValue[T any] struct {
	attribute *schema.Attribute
	field     func(*v1alpha1.CloudSSOUserSpec) *[]T
	texts     texts[T]
	primary   func(*T) *bool
}

// tied is a multiValue of any element type.
type tied interface {
	read(*v1alpha1.CloudSSOUserSpec, schema.Object) schema.Object
	write(schema.Object, *v1alpha1.CloudSSOUserSpec)
}

func (l multiValue[T]) read(from *v1alpha1.CloudSSOUserSpec, o schema.Object) schema.Object {
	values := *l.field(from)
	if len(values) == 0 {
		return o
	}
	primary := l.attribute.Sub("primary")
	all := make([]any, len(values))
	for i := range values {
		value := l.texts.read(&values[i], nil)
		if *l.primary(&values[i]) {
			value = append(value, schema.Field{Attribute: primary, Value: true})
		}
		all[i] = value
	}
	return append(o, schema.Field{Attribute: l.attribute, Value: all})
}

func (l multiValue[T]) write(o schema.Object, to *v1alpha1.CloudSSOUserSpec) {
	primary := l.attribute.Sub("primary")
	values, _ := o.Get(l.attribute).([]any)
	all := make([]T, len(values))
	for i := range values {
		value, _ := values[i].(schema.Object)
		l.texts.write(value, &all[i])
		*l.primary(&all[i]), _ = value.Get(primary).(bool)
	}
	if len(all) == 0 {
		all = nil
	}
	*l.field(to) = all
}

func readUser(spec *v1alpha1.CloudSSOUserSpec) schema.Object {
	o := userTexts.read(spec, make(schema.Object, 0, 12))
	o = append(o, schema.Field{Attribute: schema.Active, Value: spec.Active == nil || *spec.Active})
	if spec.Name != nil {
		o = o.With(schema.Name, nonEmpty(nameTexts.read(spec.Name, nil)))
	}
	for _, l := range userLists {
		o = l.read(spec, o)
	}
	if spec.Enterprise != nil {
		o = o.With(schema.Enterprise, nonEmpty(readEnterprise(spec.Enterprise)))
	}
	return o
}

// writeUser makes the spec what the attributes say, and leaves alone what is not SCIM's.
func writeUser(o schema.Object, spec *v1alpha1.CloudSSOUserSpec) {
	userTexts.write(o, spec)
	spec.Active = nil
	if active, sent := o.Get(schema.Active).(bool); sent {
		spec.Active = &active
	}
	spec.Name = nil
	if name, sent := o.Get(schema.Name).(schema.Object); sent {
		spec.Name = &v1alpha1.Name{}
		nameTexts.write(name, spec.Name)
	}
	for _, l := range userLists {
		l.write(o, spec)
	}
	spec.Enterprise = nil
	if enterprise, sent := o.Get(schema.Enterprise).(schema.Object); sent {
		spec.Enterprise = writeEnterprise(enterprise)
	}
}

func readEnterprise(e *v1alpha1.Enterprise) schema.Object {
	o := enterpriseTexts.read(e, nil)
	if e.Manager != nil {
		o = o.With(managerAttribute, nonEmpty(managerTexts.read(e.Manager, nil)))
	}
	return o
}

func writeEnterprise(o schema.Object) *v1alpha1.Enterprise {
	e := &v1alpha1.Enterprise{}
	enterpriseTexts.write(o, e)
	if manager, sent := o.Get(managerAttribute).(schema.Object); sent {
		e.Manager = &v1alpha1.Manager{}
		managerTexts.write(manager, e.Manager)
	}
	return e
}

func readGroup(spec *v1alpha1.CloudSSOGroupSpec) schema.Object { return groupTexts.read(spec, nil) }

func writeGroup(o schema.Object, spec *v1alpha1.CloudSSOGroupSpec) { groupTexts.write(o, spec) }

// nonEmpty is o as a field's value: nil, that is unassigned, when nothing is in it.
func nonEmpty(o schema.Object) any {
	if len(o) == 0 {
		return nil
	}
	return o
}
