package patch

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/filter"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// Apply returns a resource's attributes after the operations, in their order, and validates them. It does not
// modify the attributes given. The result shares unchanged values with them. The time that it takes is linear in
// the operations and their values, because a multi-valued attribute never grows beyond limits.Values. The filters in the
// paths may need what is left of the patch's meter.
func (p *Patch) Apply(ctx context.Context, o schema.Object) (schema.Object, error) {
	return p.apply(ctx, o, p.meter)
}

// ErrCostly says that the filters in the paths need more than limits.PatchComparisons.
var ErrCostly = errors.New("the filters in the paths need many comparisons")

// ApplyCheaply is Apply, or returns ErrCostly.
func (p *Patch) ApplyCheaply(ctx context.Context, o schema.Object) (schema.Object, error) {
	part := p.meter.Part(limits.PatchComparisons)
	o, err := p.apply(ctx, o, part)
	if part.Ended() && !p.meter.Ended() {
		return nil, ErrCostly
	}
	return o, err
}

func (p *Patch) apply(ctx context.Context, o schema.Object, m *filter.Meter) (schema.Object, error) {
	changed := map[*schema.Attribute]bool{}
	var unlisted error // the first of them
	p.Unlisted = nil
	for _, op := range p.operations {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		op.meter = m
		next, err := op.applyWithin(o, op.path.Attribute)
		if op.path.Filter != nil {
			err = cmp.Or(checkMeter(m), err)
		}
		if unlistedType := (*unlistedTypeError)(nil); errors.As(err, &unlistedType) {
			unlisted = cmp.Or(unlisted, addOperationIndex(err, op.index))
			p.Unlisted = append(p.Unlisted, op.path.String())
			continue
		} else if err != nil {
			return nil, addOperationIndex(err, op.index)
		}
		o, changed[op.path.Attribute[0]] = next, true
	}
	if len(changed) == 0 && unlisted != nil {
		return nil, unlisted
	}
	for a := range changed {
		if values, ok := o.Get(a).([]any); ok {
			o = o.With(a, schema.Distinct(a, values))
		}
	}
	return o, schema.Validate(p.rt, o)
}

// checkMeter returns the error of a request whose filters may not go on.
func checkMeter(m *filter.Meter) error {
	if !m.Ended() {
		return nil
	}
	return cmp.Or(m.Err(), error(scim.BadRequest(scim.TooMany, "the filters in the paths of this request need more than %d comparisons; send fewer "+
		"operations at a time, or paths with fewer conditions, and name members by value eq", limits.FilterComparisons)))
}

// applyWithin applies the operation to the attribute at the path, which begins within o.
func (op operation) applyWithin(o schema.Object, path schema.Path) (schema.Object, error) {
	a, current := path[0], o.Get(path[0])
	if len(path) == 1 {
		v, err := op.newValue(a, current)
		return o.With(a, v), cmp.Or(err, op.checkSize(current, v))
	}
	if values, ok := current.([]any); ok {
		changed, err := op.applyToEach(values, path[1:])
		return o.With(a, changed), err
	}
	if current == nil && op.verb == opRemove {
		return o, nil
	}
	inner, _ := current.(schema.Object)
	inner, err := op.applyWithin(inner, path[1:])
	if a.MultiValued {
		return o.With(a, []any{inner}), err
	}
	return o.With(a, inner), err
}

// applyToEach applies the operation within every value of a multi-valued attribute: "emails.display" without a
// filter.
func (op operation) applyToEach(values []any, path schema.Path) ([]any, error) {
	changed := make([]any, 0, len(values))
	for _, v := range values {
		inner, _ := v.(schema.Object)
		inner, err := op.applyWithin(inner, path)
		if err != nil {
			return nil, err
		}
		if len(inner) > 0 {
			changed = append(changed, inner)
		}
	}
	return changed, nil
}

// checkSize returns an error if the operation makes a multi-valued attribute larger than limits.Values.
func (op operation) checkSize(before, after any) error {
	old, _ := before.([]any)
	values, _ := after.([]any)
	if len(values) > limits.Values && len(values) > len(old) {
		return scim.BadRequest(scim.InvalidValue, "%s would have %d values; at most %d are supported", op.path, len(values), limits.Values)
	}
	return nil
}

// newValue returns the value of the attribute at the end of the path after the operation.
func (op operation) newValue(a *schema.Attribute, current any) (any, error) {
	values, _ := current.([]any)
	switch {
	case op.path.Filter != nil:
		return op.applyToSelected(a, current)
	case op.verb == opRemove && op.value != nil && a.MultiValued:
		return op.removeValues(values), nil
	case op.verb == opRemove:
		return nil, nil
	case a.MultiValued && op.verb == opAdd:
		return op.addValues(a, values), nil
	case a.Type == schema.Complex && !a.MultiValued:
		return schema.Merge(current, op.value), nil
	}
	return op.value, nil
}

// addValues adds the values that are not present yet. If an added value is primary, the others no longer are.
func (op operation) addValues(a *schema.Attribute, values []any) []any {
	added, _ := op.value.([]any)
	result := slices.Clone(values)
	known := schema.NewElements(a, result)
	touched := map[int]bool{}
	for _, v := range added {
		i, there := known.Find(v)
		if there {
			result[i] = schema.Merge(result[i], v)
		} else {
			i = len(result)
			result = append(result, v)
			known.Add(v)
		}
		touched[i] = true
	}
	return onePrimary(a, result, touched)
}

// removeValues removes the elements that the operation names. Elements are compared by their sub-attribute
// value, if they have one.
func (op operation) removeValues(values []any) []any {
	named, _ := op.value.([]any)
	gone := schema.NewElements(op.path.Attribute.Last(), named)
	return slices.DeleteFunc(slices.Clone(values), gone.Selects)
}

// applyToSelected applies the operation to the elements that the filter selects. If it selects none, add and
// replace create one: see impliedElement.
func (op operation) applyToSelected(a *schema.Attribute, current any) (any, error) {
	values, _ := current.([]any)
	if o, single := current.(schema.Object); single {
		values = []any{o}
	}
	var result []any
	touched := map[int]bool{}
	for _, v := range values {
		o, _ := v.(schema.Object)
		if !op.path.Filter.Match(o, op.meter) {
			result = append(result, v)
			continue
		}
		if o = op.changeElement(o); len(o) > 0 {
			touched[len(result)] = true
			result = append(result, o)
		}
	}
	if len(touched) == 0 && op.verb != opRemove {
		described, err := op.impliedElement(a)
		if err != nil {
			return nil, err
		}
		created := op.setWithin(described)
		if !slices.ContainsFunc(result, func(v any) bool { return schema.Equal(v, created) }) { // it exists if the request is repeated
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

// impliedElement returns the element that an operation creates if its filter selects none: one that has what
// the filter requires. Entra ID relies on it, for replace too, if the filter is on type or primary
// (emails[type eq "work"].value). A replace whose filter is on value, or on a type that is not one of the canonical
// values of the schema, names an element that does not exist, and has no target (RFC 7644 section 3.5.2.3).
func (op operation) impliedElement(a *schema.Attribute) (schema.Object, error) {
	o := filter.Implied(op.path.Filter)
	noTarget := scim.BadRequest(scim.NoTarget, "path %s matches no value", schema.QuoteName(op.path.String()))
	switch {
	case len(o) == 0, op.verb == opReplace && o.Get(a.Sub("value")) != nil:
		return nil, noTarget
	case op.verb == opReplace && !a.Sub("type").IsCanonical(o.String(a.Sub("type"))):
		return nil, &unlistedTypeError{noTarget}
	}
	return o, nil
}

// unlistedTypeError is the error of a replace that selects no value, by a type that the schema does not list. In the
// way of an unknownPathError, it is the error of the request only if no other operation can be applied.
type unlistedTypeError struct{ refusal *scim.Error }

// Error returns the detail for the client.
func (e *unlistedTypeError) Error() string { return e.refusal.Error() }

// Unwrap returns the error for the client.
func (e *unlistedTypeError) Unwrap() error { return e.refusal }

// changeElement returns a selected element after the operation. The result is empty if the element is removed.
func (op operation) changeElement(o schema.Object) schema.Object {
	switch {
	case op.verb == opRemove && op.path.Sub == nil:
		return nil
	case op.verb == opRemove:
		return o.Without(op.path.Sub)
	}
	if op.verb == opReplace && op.path.Sub == nil {
		o, _ = op.value.(schema.Object)
		return o
	}
	return op.setWithin(o)
}

// setWithin sets the sub-attribute, or all sub-attributes of the value, in one element.
func (op operation) setWithin(o schema.Object) schema.Object {
	if op.path.Sub != nil {
		return o.With(op.path.Sub, op.value)
	}
	o, _ = schema.Merge(o, op.value).(schema.Object)
	return o
}

// onePrimary unsets primary in the other elements if a touched one is primary (RFC 7644 section 3.5.2).
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
