package filter

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim/fold"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// operator is a comparison operator (RFC 7644, table 3).
type operator int

const (
	eq operator = iota
	ne
	co
	sw
	ew
	gt
	ge
	lt
	le
	pr
)

var operators = map[string]operator{
	"eq": eq, "ne": ne, "co": co, "sw": sw, "ew": ew, "gt": gt, "ge": ge, "lt": lt, "le": le, "pr": pr,
}

func (o operator) String() string {
	return [...]string{"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "pr"}[o]
}

// logical is "and" or "or".
type logical struct {
	or          bool
	left, right Filter
}

// Match is part of Filter.
func (l *logical) Match(s Source) bool {
	if l.or {
		return l.left.Match(s) || l.right.Match(s)
	}
	return l.left.Match(s) && l.right.Match(s)
}

// String is part of Filter.
func (l *logical) String() string { return string(l.appendTo(nil)) }

func (l *logical) appendTo(dst []byte) []byte {
	if l.or {
		return l.operand(append(l.left.appendTo(dst), " or "...), l.right)
	}
	return l.operand(append(l.operand(dst, l.left), " and "...), l.right)
}

// operand puts parentheses where the grammar would read something else.
func (l *logical) operand(dst []byte, f Filter) []byte {
	inner, ok := f.(*logical)
	if ok && (inner.or || f == l.right) {
		return append(f.appendTo(append(dst, '(')), ')')
	}
	return f.appendTo(dst)
}

type negation struct{ of Filter }

// Match is part of Filter.
func (n *negation) Match(s Source) bool { return !n.of.Match(s) }

// String is part of Filter.
func (n *negation) String() string { return string(n.appendTo(nil)) }

func (n *negation) appendTo(dst []byte) []byte {
	return append(n.of.appendTo(append(dst, "not ("...)), ')')
}

// valuePath is attribute[filter].
type valuePath struct {
	path   schema.Path
	filter Filter
}

// Match is part of Filter.
func (v *valuePath) Match(s Source) bool {
	return anyValue(s, v.path, func(value any) bool {
		o, ok := value.(schema.Object)
		return ok && v.filter.Match(o)
	})
}

// String is part of Filter.
func (v *valuePath) String() string { return string(v.appendTo(nil)) }

func (v *valuePath) appendTo(dst []byte) []byte {
	return append(v.filter.appendTo(append(append(dst, v.path.String()...), '[')), ']')
}

// comparison compares an attribute with a literal.
type comparison struct {
	path     schema.Path
	operator operator
	literal  any    // string, bool, float64, time.Time; nil for pr and null
	folded   string // of a string literal, where case does not count
}

// Match is part of Filter. A negated comparison of a multi-valued attribute holds when no value is equal.
func (c *comparison) Match(s Source) bool {
	switch {
	case c.operator == pr:
		return present(s, c.path)
	case c.literal == nil:
		return present(s, c.path) == (c.operator == ne)
	case c.operator == ne:
		return !anyValue(s, c.path, func(v any) bool { return c.holds(eq, v) })
	}
	if len(c.path) == 1 { // the common case, without a closure
		if v := s.Get(c.path[0]); v != nil {
			if _, list := v.([]any); !list {
				return c.holds(c.operator, v)
			}
		}
	}
	return anyValue(s, c.path, func(v any) bool { return c.holds(c.operator, v) })
}

// String is part of Filter.
func (c *comparison) String() string { return string(c.appendTo(nil)) }

func (c *comparison) appendTo(dst []byte) []byte {
	dst = append(append(append(dst, c.path.String()...), ' '), c.operator.String()...)
	if c.operator == pr {
		return dst
	}
	dst = append(dst, ' ')
	switch literal := c.literal.(type) {
	case string:
		return schema.AppendString(dst, literal)
	case bool:
		return strconv.AppendBool(dst, literal)
	case float64:
		return strconv.AppendFloat(dst, literal, 'g', -1, 64)
	case time.Time:
		return append(literal.AppendFormat(append(dst, '"'), time.RFC3339Nano), '"')
	}
	return append(dst, "null"...)
}

// holds compares one value.
func (c *comparison) holds(op operator, v any) bool {
	switch literal := c.literal.(type) {
	case bool:
		b, ok := v.(bool)
		return ok && b == literal
	case float64:
		switch v := v.(type) {
		case int64:
			return ordered(op, cmp.Compare(float64(v), literal))
		case float64:
			return ordered(op, cmp.Compare(v, literal))
		}
	case time.Time:
		text, _ := v.(string)
		at, err := time.Parse(time.RFC3339, text)
		return err == nil && ordered(op, at.Compare(literal))
	case string:
		text, ok := v.(string)
		if !ok {
			return false
		}
		if !c.path.Last().CaseExact {
			if op == eq {
				return fold.Equal(text, c.folded)
			}
			return textual(op, fold.Name(text), c.folded)
		}
		return textual(op, text, literal)
	}
	return false
}

func textual(op operator, text, literal string) bool {
	switch op {
	case co:
		return strings.Contains(text, literal)
	case sw:
		return strings.HasPrefix(text, literal)
	case ew:
		return strings.HasSuffix(text, literal)
	}
	return ordered(op, strings.Compare(text, literal))
}

func ordered(op operator, order int) bool {
	switch op {
	case eq:
		return order == 0
	case gt:
		return order > 0
	case ge:
		return order >= 0
	case lt:
		return order < 0
	case le:
		return order <= 0
	}
	return false
}

// present is pr: there is a value, and a complex one has something in it.
func present(s Source, path schema.Path) bool {
	return anyValue(s, path, func(v any) bool {
		if o, ok := v.(schema.Object); ok {
			return len(o) > 0
		}
		return v != "" && v != nil
	})
}

// anyValue reports whether the condition holds for a value at the path, of which there are several
// where an attribute on the way is multi-valued.
func anyValue(s Source, path schema.Path, condition func(any) bool) bool {
	v := s.Get(path[0])
	if values, ok := v.([]any); ok {
		for _, v := range values {
			if further(v, path[1:], condition) {
				return true
			}
		}
		return false
	}
	return v != nil && further(v, path[1:], condition)
}

func further(v any, path schema.Path, condition func(any) bool) bool {
	if len(path) == 0 {
		return condition(v)
	}
	o, ok := v.(schema.Object)
	return ok && anyValue(o, path, condition)
}
