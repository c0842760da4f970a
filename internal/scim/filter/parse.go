package filter

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cloudsso/cloudsso-operator/internal/scim/dialect"
	"github.com/cloudsso/cloudsso-operator/internal/scim/fold"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// Parse reads a filter on resources of a type. In a query over several types, others are the other types: the
// filter may name their attributes, and resources of this type have no value of them (RFC 7644 section
// 3.4.2.1). Any error is a *SyntaxError.
func Parse(rt *schema.ResourceType, input string, others ...*schema.ResourceType) (Filter, error) {
	p := &parser{lexer: lexer{input: input}, resolve: func(name string) schema.Path { return rt.Resolve(name, others...) }}
	return p.parseFilter()
}

// parser is a recursive-descent parser of the grammar of RFC 7644, figure 1.
type parser struct {
	lexer
	resolve func(name string) schema.Path
	depth   int
}

func (p *parser) parseFilter() (Filter, error) {
	if err := p.checkText(); err != nil {
		return nil, err
	}
	f, err := p.or()
	if err == nil && p.next() != 0 {
		err = p.errorf(p.at, "the text from here on is not expected")
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// checkText checks the length and the encoding of a filter or a path.
func (p *parser) checkText() error {
	if len(p.input) > limits.FilterLength {
		return p.errorf(limits.FilterLength, "a filter or path may be at most %d bytes long", limits.FilterLength)
	}
	if !utf8.ValidString(p.input) {
		return p.errorf(strings.IndexRune(p.input, utf8.RuneError), "the text is not UTF-8")
	}
	return nil
}

func (p *parser) or() (Filter, error) {
	left, err := p.and()
	for err == nil && p.keyword("or") {
		var right Filter
		right, err = p.and()
		left = &logical{or: true, left: left, right: right}
	}
	return left, err
}

func (p *parser) and() (Filter, error) {
	left, err := p.term()
	for err == nil && p.keyword("and") {
		var right Filter
		right, err = p.term()
		left = &logical{left: left, right: right}
	}
	return left, err
}

func (p *parser) term() (Filter, error) {
	if p.next() == '(' {
		return p.group()
	}
	start := p.at
	if p.keyword("not") {
		if p.next() == '(' {
			f, err := p.group()
			return &negation{f}, err
		}
		p.at = start // without a parenthesis, "not" is the name of an attribute
	}
	return p.expression()
}

func (p *parser) group() (Filter, error) {
	start := p.at
	if p.depth++; p.depth > limits.FilterDepth {
		return nil, p.errorf(start, "nested deeper than %d levels", limits.FilterDepth)
	}
	defer func() { p.depth-- }()
	p.accept('(')
	f, err := p.or()
	if err == nil && !p.accept(')') {
		err = p.errorf(start, "the parenthesis is not closed")
	}
	return f, err
}

// expression reads a comparison or a value path.
func (p *parser) expression() (Filter, error) {
	p.skipSpace()
	start := p.at
	path, err := p.path()
	if err != nil {
		return nil, err
	}
	if p.next() == '[' {
		return p.valuePathAndSub(path)
	}
	return p.comparison(start, path)
}

// valuePathAndSub reads attribute[filter], or attribute[filter].sub and a comparison. RFC 7644 has the second
// form in PATCH paths only; Entra ID sends it in filters, for a value that matches the filter and has such a
// sub-attribute.
func (p *parser) valuePathAndSub(path schema.Path) (Filter, error) {
	v, err := p.valuePath(path)
	if err != nil || !p.accept('.') {
		return v, err
	}
	start := p.at
	name := p.word()
	sub := path.Last().Sub(name)
	if sub == nil {
		return nil, p.errorf(start, "%s has no sub-attribute %s", path, schema.QuoteName(name))
	}
	c, err := p.comparison(start, schema.Path{sub})
	if err != nil {
		return nil, err
	}
	v.filter = &logical{left: v.filter, right: c}
	return v, nil
}

// comparison reads the operator and the value that follow an attribute. The attribute began at start.
func (p *parser) comparison(start int, path schema.Path) (Filter, error) {
	if !path.Last().Searchable() {
		return nil, p.errorf(start, "a filter cannot use %s", path)
	}
	p.skipSpace()
	at := p.at
	op, known := operators[strings.ToLower(p.word())]
	if !known {
		return nil, p.errorf(at, "an operator is expected after %s: eq, ne, co, sw, ew, gt, ge, lt, le or pr", path)
	}
	if op == pr {
		return &comparison{path: path, operator: pr}, nil
	}
	at = p.at
	literal, err := p.literal()
	if err != nil {
		return nil, err
	}
	c, problem := newComparison(path, op, literal)
	if problem != "" {
		if op == eq || op == ne {
			start = at
		}
		return nil, p.errorf(start, "%s", problem)
	}
	return c, nil
}

func (p *parser) path() (schema.Path, error) {
	p.skipSpace()
	start := p.at
	name := p.word()
	if name == "" {
		return nil, p.errorf(start, "an attribute is expected")
	}
	path := p.resolve(name)
	if path == nil {
		return nil, p.unknownAttribute(start, "there is no attribute %s", schema.QuoteName(name))
	}
	return path, nil
}

// valuePath reads "[filter]" after an attribute.
func (p *parser) valuePath(path schema.Path) (*valuePath, error) {
	start := p.at
	a := path.Last()
	if a.Type != schema.Complex {
		return nil, p.errorf(start, "%s has no sub-attributes to filter by", path)
	}
	if p.depth++; p.depth > limits.FilterDepth {
		return nil, p.errorf(start, "nested deeper than %d levels", limits.FilterDepth)
	}
	defer func() { p.depth-- }()
	p.accept('[')
	inner := &parser{lexer: p.lexer, depth: p.depth, resolve: func(name string) schema.Path {
		if sub := a.Sub(name); sub != nil {
			return schema.Path{sub}
		}
		return nil
	}}
	f, err := inner.or()
	p.at = inner.at
	if err == nil && !p.accept(']') {
		err = p.errorf(start, "the bracket is not closed")
	}
	return &valuePath{path: path, filter: f}, err
}

// newComparison converts the literal to the attribute's type and returns the comparison. If that is not
// possible, problem says why.
func newComparison(path schema.Path, op operator, literal any) (c *comparison, problem string) {
	a := path.Last()
	if a.Type == schema.Complex { // RFC 7644 section 3.4.2.2: a complex multi-valued attribute means its value
		value := a.Sub("value")
		if value == nil {
			return nil, path.String() + " is complex; compare one of its sub-attributes"
		}
		path = append(path[:len(path):len(path)], value)
		a = value
	}
	if literal == nil {
		if op != eq && op != ne {
			return nil, "null can be compared with eq and ne only"
		}
		return &comparison{path: path, operator: op}, ""
	}
	if a.Type == schema.Boolean && op != eq && op != ne || a.Type == schema.Binary && op > ew {
		return nil, "operator " + op.String() + " cannot be used with " + path.String() + ", which is of type " + string(a.Type)
	}
	literal = convertLiteral(a.Type, literal)
	if literal == nil {
		return nil, "the value compared with " + path.String() + " must be of type " + string(a.Type)
	}
	c = &comparison{path: path, operator: op, literal: literal}
	if text, ok := literal.(string); ok && !a.CaseExact {
		c.folded = fold.Name(text)
	}
	return c, ""
}

// convertLiteral converts a literal to the attribute's type, or returns nil. It accepts text for every type,
// because some providers quote booleans and numbers.
func convertLiteral(t schema.Type, literal any) any {
	text, quoted := literal.(string)
	if word, ok := literal.(dialect.BareWord); ok {
		text, quoted = string(word), true
	}
	if b, ok := literal.(bool); ok {
		if t == schema.Boolean {
			return b
		}
		text, quoted = strconv.FormatBool(b), true
	}
	if !quoted {
		return nil
	}
	switch t {
	case schema.Boolean:
		if b, ok := dialect.Boolean(text); ok {
			return b
		}
		return nil
	case schema.Integer, schema.Decimal:
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return f
		}
		return nil
	case schema.DateTime:
		if at, err := schema.ParseDateTime(text); err == nil {
			return at
		}
		return nil
	}
	return text
}
