package dialect_test

import (
	"encoding/json"
	"testing"

	"github.com/cloudsso/cloudsso-operator/internal/scim/dialect"
)

func TestBoolean(t *testing.T) {
	for _, c := range []struct {
		v         any
		value, ok bool
	}{
		{true, true, true},
		{false, false, true},
		{"True", true, true},
		{"False", false, true},
		{"FALSE", false, true},
		{"true", true, true},
		{"t", false, false},
		{"1", false, false},
		{"yes", false, false},
		{"", false, false},
		{json.Number("1"), false, false},
		{nil, false, false},
	} {
		if value, ok := dialect.Boolean(c.v); ok != c.ok || ok && value != c.value {
			t.Errorf("%#v is %t, %t", c.v, value, ok)
		}
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct {
		v    any
		text string
		ok   bool
	}{
		{"a", "a", true},
		{"", "", true},
		{json.Number("00701984.50"), "00701984.50", true},
		{true, "", false},
		{nil, "", false},
		{[]any{"a"}, "", false},
	} {
		if text, ok := dialect.Text(c.v); text != c.text || ok != c.ok {
			t.Errorf("%#v is %q, %t", c.v, text, ok)
		}
	}
}

func TestListsAndSingleValues(t *testing.T) {
	for _, c := range []struct {
		v    any
		list int
		one  any
		ok   bool
	}{
		{"a", 1, "a", true},
		{nil, 1, nil, true},
		{[]any{}, 0, nil, true},
		{[]any{"a"}, 1, "a", true},
		{[]any{"a", "b"}, 2, nil, false},
	} {
		if list := dialect.List(c.v); len(list) != c.list {
			t.Errorf("%#v is the list %v", c.v, list)
		}
		if one, ok := dialect.Single(c.v); ok != c.ok || ok && one != c.one {
			t.Errorf("%#v is the value %v, %t", c.v, one, ok)
		}
	}
}

func TestCutURN(t *testing.T) {
	const urn = "urn:example:User"
	for _, c := range []struct {
		name, rest string
		ok         bool
	}{
		{urn + ":title", "title", true},
		{"URN:EXAMPLE:USER:title", "title", true},
		{urn + ".title", "title", true},
		{urn + ":", "", true},
		{urn, "", false},
		{urn + "Custom:title", "", false},
		{"title", "", false},
	} {
		if rest, ok := dialect.CutURN(c.name, urn); rest != c.rest || ok != c.ok {
			t.Errorf("%s is %q, %t", c.name, rest, ok)
		}
	}
}
