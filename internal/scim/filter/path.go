package filter

import (
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// Path is the target of a PATCH operation (RFC 7644 section 3.5.2, figure 7).
type Path struct {
	// Attribute leads to an attribute. It is a complex one if there is a filter.
	Attribute schema.Path
	// Filter selects values of the attribute; nil selects all.
	Filter Filter
	// Sub is the sub-attribute of the selected values, or nil for the values themselves.
	Sub *schema.Attribute
}

// String returns the path in canonical form.
func (p *Path) String() string {
	s := p.Attribute.String()
	if p.Filter != nil {
		s += "[" + p.Filter.String() + "]"
	}
	if p.Sub != nil {
		s += "." + p.Sub.Name
	}
	return s
}

// ParsePath reads a path on resources of a type. Any error is a *SyntaxError.
func ParsePath(rt *schema.ResourceType, input string) (*Path, error) {
	p := &parser{lexer: lexer{input: input}, resolve: func(name string) schema.Path { return rt.Resolve(name) }}
	if err := p.checkText(); err != nil {
		return nil, err
	}
	attribute, err := p.path()
	if err != nil {
		return nil, err
	}
	path := &Path{Attribute: attribute}
	if p.next() == '[' {
		if err := p.parseSelection(path); err != nil {
			return nil, err
		}
	}
	if p.next() != 0 {
		return nil, p.errorf(p.at, "the text from here on is not expected")
	}
	return path, nil
}

// parseSelection reads "[filter]" and ".sub" after an attribute.
func (p *parser) parseSelection(path *Path) error {
	values, err := p.valuePath(path.Attribute)
	if err != nil {
		return err
	}
	path.Filter = values.filter
	if !p.accept('.') {
		return nil
	}
	start := p.at
	name := p.word()
	if name == "" {
		return p.errorf(start, "a sub-attribute is expected")
	}
	if path.Sub = path.Attribute.Last().Sub(name); path.Sub == nil {
		return p.unknownAttribute(start, "%s has no sub-attribute %s", path.Attribute, schema.QuoteName(name))
	}
	return nil
}
