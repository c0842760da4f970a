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

// logical joins two filters by "and" or "or".
type logical struct {
	or          bool
	left, right Filter
}

// Match implements Filter.
func (l *logical) Match(s Source, m *Meter) bool {
	if l.or {
		return l.left.Match(s, m) || !m.Ended() && l.right.Match(s, m)
	}
	return l.left.Match(s, m) && !m.Ended() && l.right.Match(s, m)
}

// String implements Filter.
func (l *logical) String() string { return string(l.appendTo(nil)) }

func (l *logical) appendTo(dst []byte) []byte {
	if l.or {
		return l.operand(append(l.left.appendTo(dst), " or "...), l.right)
	}
	return l.operand(append(l.operand(dst, l.left), " and "...), l.right)
}

// operand appends one side, in parentheses if the grammar would read it differently without them.
func (l *logical) operand(dst []byte, f Filter) []byte {
	inner, ok := f.(*logical)
	if ok && (inner.or || f == l.right) {
		return append(f.appendTo(append(dst, '(')), ')')
	}
	return f.appendTo(dst)
}

type negation struct{ operand Filter }

// Match implements Filter.
func (n *negation) Match(s Source, m *Meter) bool { return !n.operand.Match(s, m) }

// String implements Filter.
func (n *negation) String() string { return string(n.appendTo(nil)) }

func (n *negation) appendTo(dst []byte) []byte {
	return append(n.operand.appendTo(append(dst, "not ("...)), ')')
}

// valuePath is attribute[filter]: it selects resources of which some value of the attribute matches the
// filter.
type valuePath struct {
	path   schema.Path
	filter Filter
}

// Match implements Filter.
func (v *valuePath) Match(s Source, m *Meter) bool {
	return m.Spend(1) && anyValue(s, v.path, m, func(value any) bool {
		o, ok := value.(schema.Object)
		return ok && v.filter.Match(o, m)
	})
}

// String implements Filter.
func (v *valuePath) String() string { return string(v.appendTo(nil)) }

func (v *valuePath) appendTo(dst []byte) []byte {
	return append(v.filter.appendTo(append(append(dst, v.path.String()...), '[')), ']')
}

// comparison compares an attribute with a literal.
type comparison struct {
	path     schema.Path
	operator operator
	literal  any    // string, bool, float64, time.Time; nil for pr and null
	folded   string // the folded literal, if the attribute is a string and not caseExact
}

// Match implements Filter. The operator ne holds for a multi-valued attribute if no value is equal.
func (c *comparison) Match(s Source, m *Meter) bool {
	switch {
	case !m.Spend(1):
		return false
	case c.operator == pr:
		return isPresent(s, c.path, m)
	case c.literal == nil:
		return isPresent(s, c.path, m) == (c.operator == ne)
	case c.operator == ne:
		return !anyValue(s, c.path, m, func(v any) bool { return c.holds(eq, v, m) })
	}
	if len(c.path) == 1 { // the common case, without a closure
		if v := s.Get(c.path[0]); v != nil {
			if _, list := v.([]any); !list {
				return c.holds(c.operator, v, m)
			}
		}
	}
	return anyValue(s, c.path, m, func(v any) bool { return c.holds(c.operator, v, m) })
}

// String implements Filter.
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

// holds compares one value with the literal.
func (c *comparison) holds(op operator, v any, m *Meter) bool {
	if v == nil {
		v = c.path.Last().AbsentMeans
	}
	switch literal := c.literal.(type) {
	case bool:
		b, ok := v.(bool)
		return ok && b == literal
	case float64:
		switch v := v.(type) {
		case int64:
			return satisfiesOrder(op, cmp.Compare(float64(v), literal))
		case float64:
			return satisfiesOrder(op, cmp.Compare(v, literal))
		}
	case time.Time:
		text, _ := v.(string)
		if !m.Spend(TimeCost) {
			return false
		}
		at, err := schema.ParseDateTime(text)
		return err == nil && satisfiesOrder(op, at.Compare(literal))
	case string:
		text, ok := v.(string)
		if !ok {
			return false
		}
		if !c.path.Last().CaseExact {
			return c.holdsFolded(op, text, m)
		}
		return m.SpendText(text, "") && compareText(op, text, literal)
	}
	return false
}

// holdsFolded compares a text with the literal in folded form. It charges what it has folded, because some characters
// have a long form.
func (c *comparison) holdsFolded(op operator, text string, m *Meter) bool {
	if op == eq && fold.IsASCII(text) {
		return m.SpendText(text, "") && fold.Equal(text, c.folded)
	}
	folded := fold.Name(text)
	return m.SpendText(text, folded) && compareText(op, folded, c.folded)
}

func compareText(op operator, text, literal string) bool {
	switch op {
	case co:
		return strings.Contains(text, literal)
	case sw:
		return strings.HasPrefix(text, literal)
	case ew:
		return strings.HasSuffix(text, literal)
	}
	return satisfiesOrder(op, strings.Compare(text, literal))
}

func satisfiesOrder(op operator, order int) bool {
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

// isPresent evaluates the operator pr: the attribute has a value, and a complex value is not empty. What an absent
// value means does not count.
func isPresent(s Source, path schema.Path, m *Meter) bool {
	return anyValue(s, path, m, func(v any) bool {
		if o, ok := v.(schema.Object); ok {
			return len(o) > 0
		}
		return v != "" && v != nil
	})
}

// anyValue reports whether the condition holds for a value at the path. There are several values if an
// attribute on the path is multi-valued, and each is charged. The value is nil if the last attribute is unassigned.
func anyValue(s Source, path schema.Path, m *Meter, condition func(any) bool) bool {
	v := s.Get(path[0])
	if values, ok := v.([]any); ok {
		for _, v := range values {
			if !m.Spend(1) {
				return false
			}
			if anyValueBelow(v, path[1:], m, condition) {
				return true
			}
		}
		return false
	}
	return (v != nil || len(path) == 1) && anyValueBelow(v, path[1:], m, condition)
}

// anyValueBelow reports whether the condition holds for a value at the rest of the path, which begins within
// v.
func anyValueBelow(v any, path schema.Path, m *Meter, condition func(any) bool) bool {
	if len(path) == 0 {
		return condition(v)
	}
	o, ok := v.(schema.Object)
	return ok && anyValue(o, path, m, condition)
}
