package patch

import (
	"slices"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/filter"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// Apply carries the operations out on a resource's attributes, in order, and checks the result. The
// attributes given are not modified; what does not change is shared.
func (p *Patch) Apply(o schema.Object) (schema.Object, error) {
	for _, op := range p.operations {
		var err error
		if o, err = op.on(o, op.path.Attribute); err != nil {
			return nil, err
		}
	}
	return o, schema.Validate(p.rt, o)
}

// on applies the operation within an object, along what is left of the path.
func (op operation) on(o schema.Object, path schema.Path) (schema.Object, error) {
	a, current := path[0], o.Get(path[0])
	if len(path) == 1 {
		v, err := op.at(a, current)
		return o.With(a, v), err
	}
	if values, ok := current.([]any); ok {
		changed, err := op.inEach(values, path[1:])
		return o.With(a, changed), err
	}
	if current == nil && op.verb == remove {
		return o, nil
	}
	inner, _ := current.(schema.Object)
	inner, err := op.on(inner, path[1:])
	if a.MultiValued {
		return o.With(a, []any{inner}), err
	}
	if len(inner) == 0 {
		return o.Without(a), err
	}
	return o.With(a, inner), err
}

// inEach applies the operation within every value of a list: "emails.display" without a filter.
func (op operation) inEach(values []any, path schema.Path) ([]any, error) {
	changed := make([]any, 0, len(values))
	for _, v := range values {
		inner, _ := v.(schema.Object)
		inner, err := op.on(inner, path)
		if err != nil {
			return nil, err
		}
		if len(inner) > 0 {
			changed = append(changed, inner)
		}
	}
	return changed, nil
}

// at is the new value of the attribute that the path leads to.
func (op operation) at(a *schema.Attribute, current any) (any, error) {
	values, _ := current.([]any)
	switch {
	case op.path.Filter != nil:
		return op.selected(a, current)
	case op.verb == remove && op.value != nil && a.MultiValued:
		return op.withoutValues(values), nil
	case op.verb == remove:
		return nil, nil
	case a.MultiValued && op.verb == add:
		return op.withValues(a, values), nil
	case a.Type == schema.Complex && !a.MultiValued:
		return merge(current, op.value), nil
	}
	return op.value, nil
}

// merge sets the sub-attributes that are given, and keeps the others.
func merge(current, value any) any {
	o, _ := current.(schema.Object)
	given, _ := value.(schema.Object)
	for _, f := range given {
		if inner, complexValue := f.Value.(schema.Object); complexValue {
			o = o.With(f.Attribute, merge(o.Get(f.Attribute), inner))
		} else {
			o = o.With(f.Attribute, f.Value)
		}
	}
	return o
}

// withValues adds the values that are not there yet. A new primary value is the only one.
func (op operation) withValues(a *schema.Attribute, values []any) []any {
	added, _ := op.value.([]any)
	result := slices.Clone(values)
	touched := map[int]bool{}
	for _, v := range added {
		i := slices.IndexFunc(result, func(other any) bool { return same(a, v, other) })
		if i < 0 {
			i = len(result)
			result = append(result, v)
		} else {
			result[i] = merged(result[i], v)
		}
		touched[i] = true
	}
	return onePrimary(a, result, touched)
}

func merged(current, v any) any {
	if _, complexValue := v.(schema.Object); complexValue {
		return merge(current, v)
	}
	return v
}

// same reports whether two values of a list are one: equal, or alike in value and type.
func same(a *schema.Attribute, v, other any) bool {
	o, ok := v.(schema.Object)
	p, _ := other.(schema.Object)
	value, kind := a.Sub("value"), a.Sub("type")
	if !ok || value == nil || o.Get(value) == nil {
		return schema.Equal(v, other)
	}
	return o.Get(value) == p.Get(value) && (kind == nil || o.Get(kind) == nil || o.Get(kind) == p.Get(kind))
}

// withoutValues removes the values that are given: by their value, where they have one.
func (op operation) withoutValues(values []any) []any {
	gone, _ := op.value.([]any)
	a := op.path.Attribute.Last()
	return slices.DeleteFunc(slices.Clone(values), func(v any) bool {
		return slices.ContainsFunc(gone, func(g any) bool { return same(a, g, v) })
	})
}

// selected applies the operation to the values that the filter selects. Where it selects none, see
// described.
func (op operation) selected(a *schema.Attribute, current any) (any, error) {
	values, _ := current.([]any)
	if o, single := current.(schema.Object); single {
		values = []any{o}
	}
	var result []any
	touched := map[int]bool{}
	for _, v := range values {
		o, _ := v.(schema.Object)
		if !op.path.Filter.Match(o) {
			result = append(result, v)
			continue
		}
		if o = op.changed(o); len(o) > 0 {
			touched[len(result)] = true
			result = append(result, o)
		}
	}
	if len(touched) == 0 && op.verb != remove {
		described, err := op.described(a)
		if err != nil {
			return nil, err
		}
		created := op.on1(described)
		if !slices.ContainsFunc(result, func(v any) bool { return schema.Equal(v, created) }) { // as when the request comes again
			touched[len(result)] = true
			result = append(result, created)
		}
	}
	if !a.MultiValued {
		if len(result) == 0 {
			return nil, nil
		}
		return result[0], nil
	}
	if len(result) == 0 {
		return nil, nil
	}
	return onePrimary(a, result, touched), nil
}

// described is the value that an operation creates whose filter selects none: what the filter demands. To
// add to what is not there creates it, and so does replace by type or primary, for Entra ID counts on that
// (emails[type eq "work"].value). To replace a value that is named itself, and is not there, has no target
// (RFC 7644 section 3.5.2.3).
func (op operation) described(a *schema.Attribute) (schema.Object, error) {
	o := filter.Implied(op.path.Filter)
	named := a.Sub("value") != nil && o.Get(a.Sub("value")) != nil
	if len(o) == 0 || named && op.verb == replace {
		return nil, scim.BadRequest(scim.NoTarget, "path %q matches no value", op.path)
	}
	return o, nil
}

// changed is a selected value after the operation; empty when it is removed.
func (op operation) changed(o schema.Object) schema.Object {
	switch {
	case op.verb == remove && op.path.Sub == nil:
		return nil
	case op.verb == remove:
		return o.Without(op.path.Sub)
	}
	if op.verb == replace && op.path.Sub == nil {
		o, _ = op.value.(schema.Object)
		return o
	}
	return op.on1(o)
}

// on1 sets the sub-attribute, or the sub-attributes of the value, in one value.
func (op operation) on1(o schema.Object) schema.Object {
	if op.path.Sub != nil {
		return o.With(op.path.Sub, op.value)
	}
	o, _ = merge(o, op.value).(schema.Object)
	return o
}

// onePrimary takes primary from the other values when one that was touched has it (RFC 7644 section
// 3.5.2).
func onePrimary(a *schema.Attribute, values []any, touched map[int]bool) []any {
	primary := a.Sub("primary")
	if primary == nil || !slices.ContainsFunc(indices(touched), func(i int) bool { return isPrimary(values[i], primary) }) {
		return values
	}
	for i, v := range values {
		if o, ok := v.(schema.Object); ok && !touched[i] && isPrimary(v, primary) {
			values[i] = o.Without(primary)
		}
	}
	return values
}

func indices(set map[int]bool) (all []int) {
	for i := range set {
		all = append(all, i)
	}
	return all
}

func isPrimary(v any, primary *schema.Attribute) bool {
	o, _ := v.(schema.Object)
	is, _ := o.Get(primary).(bool)
	return is
}
