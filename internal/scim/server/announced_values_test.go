package server_test

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
)

// find returns the ids of the resources of a type that match a filter.
func (w *announcedService) find(rt *resourceType, filter string) (ids []any) {
	w.t.Helper()
	r := w.do("GET", rt.Endpoint+"?count=1000&attributes=id&filter="+url.QueryEscape(filter), "").answers(200)
	for _, resource := range list(r.at("Resources")) {
		ids = append(ids, valueAt(resource, "id"))
	}
	return ids
}

// checkFilter fails unless the filter selects the resource, or does not select it if want is false.
func (w *announcedService) checkFilter(rt *resourceType, id, filter string, want bool) {
	w.t.Helper()
	if got := slices.Contains(w.find(rt, filter), any(id)); got != want {
		w.t.Fatalf("%s: selects the resource: %t, want %t", filter, got, want)
	}
}

// swapCase returns a text with every letter in the other case.
func swapCase(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsUpper(r) {
			return unicode.ToLower(r)
		}
		return unicode.ToUpper(r)
	}, s)
}

// textual reports whether values are compared as text.
func (a *attribute) textual() bool { return a.Type == "string" || a.Type == "reference" }

func (a *attribute) readable() bool { return a.Returned != "never" }

func (a *attribute) searchable() bool {
	return a.readable() && !slices.Contains(unsearchable, a.path())
}

func TestAnnouncedAttributesCanBeFiltered(t *testing.T) {
	w := newAnnouncedService(t)
	w.each(t, (*attribute).searchable, func(rt *resourceType, a *attribute) {
		subject := w.subject(rt)
		id := strings.TrimPrefix(subject, rt.Endpoint+"/")
		other := w.do("POST", rt.Endpoint, toJSON(w.minimalBody(rt, w.seed()))).answers(201)
		values := a.valuesIn(w.do("GET", subject, "").answers(200).body)
		if len(values) == 0 {
			w.t.Fatal("the resource has no value of it")
		}
		for _, name := range a.names() {
			w.checkFilter(rt, id, name+" pr", true)
			w.checkFilter(rt, id, "not ("+name+" pr)", false)
			if len(a.valuesIn(other.body)) == 0 {
				w.checkFilter(rt, other.id(), name+" pr", false)
				w.checkFilter(rt, other.id(), "not ("+name+" pr)", true)
			}
		}
		for _, v := range values {
			if a.Type != "complex" {
				w.checkComparisons(rt, id, a, v)
			} else if o, _ := v.(map[string]any); a.sub("value") != nil { // RFC 7644 section 3.4.2.2: a complex attribute stands for its sub-attribute value
				w.checkFilter(rt, id, a.path()+" eq "+toJSON(o["value"]), true)
			} else {
				w.do("GET", rt.Endpoint+"?filter="+url.QueryEscape(a.path()+` eq "x"`), "").refuses(400, "invalidFilter", a.path())
			}
		}
	})
}

// checkComparisons checks the operators of the attribute's type (RFC 7644 section 3.4.2.2) with an existing
// value.
func (w *announcedService) checkComparisons(rt *resourceType, id string, a *attribute, v any) {
	w.t.Helper()
	literal := " " + toJSON(v)
	w.checkFilter(rt, id, a.path()+" eq"+literal, true)
	w.checkFilter(rt, id, a.path()+" ne"+literal, false)
	if a.parent != nil && a.parent.MultiValued {
		w.checkFilter(rt, id, a.parent.path()+"["+a.Name+" eq"+literal+"]", true)
	}
	text, _ := v.(string)
	if a.textual() {
		w.checkFilter(rt, id, a.path()+" eq "+toJSON(swapCase(text)), !a.CaseExact)
		w.checkFilter(rt, id, a.path()+" sw "+toJSON(text[:len(text)-1]), true)
		w.checkFilter(rt, id, a.path()+" ew "+toJSON(text[1:]), true)
		w.checkFilter(rt, id, a.path()+" co "+toJSON(text[1:len(text)-1]), true)
		w.checkFilter(rt, id, a.path()+" gt "+toJSON(text[:len(text)-1]), true)
	}
	ordered := a.Type != "boolean" && a.Type != "binary"
	for _, op := range []string{" ge", " le"} {
		if ordered {
			w.checkFilter(rt, id, a.path()+op+literal, true)
		} else {
			w.do("GET", rt.Endpoint+"?filter="+url.QueryEscape(a.path()+op+literal), "").refuses(400, "invalidFilter")
		}
	}
	if a.Type == "boolean" || a.Type == "dateTime" || a.Type == "integer" || a.Type == "decimal" {
		w.do("GET", rt.Endpoint+"?filter="+url.QueryEscape(a.path()+` eq "perhaps"`), "").refuses(400, "invalidFilter", a.path())
	}
}

// A client could otherwise guess values that are never returned.
func TestUnsearchableAttributesAreRefusedInFilters(t *testing.T) {
	w := newAnnouncedService(t)
	w.each(t, func(a *attribute) bool { return !a.searchable() }, func(rt *resourceType, a *attribute) {
		for _, name := range a.names() {
			for _, filter := range []string{name + " pr", name + ` sw "a"`, "id pr or not (" + name + " pr)"} {
				w.do("GET", rt.Endpoint+"?filter="+url.QueryEscape(filter), "").refuses(400, "invalidFilter", a.Name)
			}
		}
	})
}

func TestAnnouncedUniquenessIsEnforced(t *testing.T) {
	w := newAnnouncedService(t)
	w.each(t, func(a *attribute) bool { return a.writable() && a.Type != "complex" }, func(rt *resourceType, a *attribute) {
		seed := w.seed()
		v := w.value(a, seed)
		w.create(rt, w.setValue(w.minimalBody(rt, seed), a, v, seed))
		taken := []any{v}
		if text, ok := v.(string); ok && !a.CaseExact && len(a.CanonicalValues) == 0 {
			taken = append(taken, swapCase(text))
		}
		for _, v := range taken {
			body := w.setValue(w.minimalBody(rt, seed+1), a, v, seed)
			if a.Uniqueness != "server" && a.Uniqueness != "global" {
				w.create(rt, body)
				return
			}
			w.do("POST", rt.Endpoint, toJSON(body)).refuses(409, "uniqueness")
			url := w.create(rt, w.minimalBody(rt, seed+1))
			w.do("PUT", url, toJSON(body)).refuses(409, "uniqueness")
			w.patch(url, "replace", a.path(), v).refuses(409, "uniqueness")
			w.patch(url, "replace", "", map[string]any{a.Name: v}).refuses(409, "uniqueness")
			w.do("DELETE", url, "").answers(204)
		}
	})
}

func TestAnnouncedCanonicalValuesAreAccepted(t *testing.T) {
	w := newAnnouncedService(t)
	w.each(t, func(a *attribute) bool { return len(a.CanonicalValues) > 0 }, func(rt *resourceType, a *attribute) {
		for _, v := range a.CanonicalValues {
			if !a.writable() {
				continue
			}
			seed := w.seed()
			r := w.do("POST", rt.Endpoint, toJSON(w.setValue(w.minimalBody(rt, seed), a, v, seed))).answers(201)
			w.checkShown(r, "POST", a, v)
		}
		for _, v := range a.valuesIn(w.do("GET", w.subject(rt), "").answers(200).body) {
			if text, _ := v.(string); !slices.Contains(a.CanonicalValues, text) {
				w.t.Errorf("%v is not one of %q", v, a.CanonicalValues)
			}
		}
	})
}

// A representation has no attribute that is not announced.
func TestRepresentationsHaveAnnouncedTypes(t *testing.T) {
	w := newAnnouncedService(t)
	for _, rt := range w.types {
		r := w.do("GET", w.subject(rt), "").answers(200)
		schemas := []any{rt.Schema}
		for _, e := range rt.SchemaExtensions {
			schemas = append(schemas, e.Schema)
		}
		if got := r.at("schemas"); !reflect.DeepEqual(got, schemas) {
			t.Errorf("%s: schemas are %v, want %v", rt.Name, got, schemas)
		}
		delete(r.body, "schemas")
		w.checkForms(rt.Name, rt.attributes, r.body)
	}
}

func (w *announcedService) checkForms(path string, attributes []*attribute, o map[string]any) {
	w.t.Helper()
	for name, v := range o {
		i := slices.IndexFunc(attributes, func(a *attribute) bool { return a.Name == name })
		if i < 0 {
			w.t.Errorf("%s has %s, which is not announced", path, name)
			continue
		}
		a := attributes[i]
		values, several := v.([]any)
		if several != a.MultiValued {
			w.t.Errorf("%s.%s is %v, multi-valued is %t", path, name, v, a.MultiValued)
		}
		if !several {
			values = []any{v}
		}
		for _, v := range values {
			if inner, ok := v.(map[string]any); ok && a.Type == "complex" {
				w.checkForms(path+"."+name, a.SubAttributes, inner)
			} else if !a.hasForm(v) {
				w.t.Errorf("%s.%s is %v, which is not a %s", path, name, v, a.Type)
			}
		}
	}
}

// hasForm reports whether a simple value is of the attribute's type (RFC 7643 section 2.3).
func (a *attribute) hasForm(v any) bool {
	text, isText := v.(string)
	number, isNumber := v.(float64)
	var err error
	switch a.Type {
	case "boolean":
		_, ok := v.(bool)
		return ok
	case "integer":
		return isNumber && number == float64(int64(number))
	case "decimal":
		return isNumber
	case "dateTime":
		_, err = time.Parse(time.RFC3339, text)
	case "binary":
		_, err = base64.StdEncoding.DecodeString(text)
	case "reference":
		_, err = url.Parse(text)
	case "string":
	default:
		return false
	}
	return isText && text != "" && err == nil
}

// A $ref in a representation is the URL of a resource of an announced type.
func TestAnnouncedReferencesAreURLsOfResources(t *testing.T) {
	w := newAnnouncedService(t)
	made := func(a *attribute) bool {
		return a.Type == "reference" && a.Mutability != "readWrite" && a.parent != nil && a.Name == "$ref"
	}
	w.each(t, made, func(rt *resourceType, a *attribute) {
		refs := a.valuesIn(w.do("GET", w.subject(rt), "").answers(200).body)
		if len(refs) == 0 {
			w.t.Fatal("the resource has no value of it")
		}
		for _, ref := range refs {
			text, _ := ref.(string)
			path, ours := strings.CutPrefix(text, base)
			if !ours {
				w.t.Errorf("%s is not at %s", text, base)
				continue
			}
			r := w.do("GET", path, "").answers(200).has("meta.location", text)
			if kind := r.text("meta.resourceType"); !slices.Contains(a.ReferenceTypes, kind) {
				w.t.Errorf("%s is a %s, and not one of %q", text, kind, a.ReferenceTypes)
			}
		}
	})
}

func TestListsCanBeSortedByAnnouncedAttributes(t *testing.T) {
	w := newAnnouncedService(t)
	simple := func(a *attribute) bool { return a.single() && a.Type != "complex" && a.searchable() }
	w.each(t, simple, func(rt *resourceType, a *attribute) {
		var resources []map[string]any
		seed := w.seed()
		for _, i := range []int{2, 0, 3, 1} { // the order of creation differs from that of the values
			body := w.minimalBody(rt, seed+i)
			if a.writable() {
				w.setValue(body, a, w.value(a, seed+i), seed)
			}
			resources = append(resources, w.do("POST", rt.Endpoint, toJSON(body)).answers(201).body)
		}
		if !a.Required {
			resources = append(resources, w.do("POST", rt.Endpoint, toJSON(w.minimalBody(rt, w.seed()))).answers(201).body)
		}
		var these []string
		for _, r := range resources {
			these = append(these, fmt.Sprintf(`id eq "%v"`, r["id"]))
		}
		for _, order := range []string{"ascending", "descending"} {
			slices.SortStableFunc(resources, func(x, y map[string]any) int { // equal values are in the order of creation
				by := compareValues(a, x, y)
				if order == "descending" {
					by = -by
				}
				return cmp.Or(by, cmp.Compare(fmt.Sprint(valueAt(x, "meta.created")), fmt.Sprint(valueAt(y, "meta.created"))))
			})
			var want []any
			for _, r := range resources {
				want = append(want, r["id"])
			}
			r := w.do("GET", rt.Endpoint+"?attributes=id&sortBy="+a.path()+"&sortOrder="+order+"&filter="+url.QueryEscape(strings.Join(these, " or ")), "").answers(200)
			var got []any
			for _, resource := range list(r.at("Resources")) {
				got = append(got, valueAt(resource, "id"))
			}
			if !slices.Equal(got, want) {
				w.t.Errorf("%s: %v, want %v", order, got, want)
			}
		}
	})
}

// compareValues compares two resources by an attribute. A resource without a value comes last (RFC 7644
// section 3.4.2.3).
func compareValues(a *attribute, x, y map[string]any) int {
	key := func(resource map[string]any) string {
		values := a.valuesIn(resource)
		if len(values) == 0 {
			return "1"
		}
		if n, ok := values[0].(float64); ok {
			return fmt.Sprintf("0%020.5f", n)
		}
		if a.CaseExact {
			return fmt.Sprint("0", values[0])
		}
		return "0" + strings.ToLower(fmt.Sprint(values[0]))
	}
	return cmp.Compare(key(x), key(y))
}
