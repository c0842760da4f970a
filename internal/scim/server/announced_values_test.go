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

// What a value is announced to be: its form, what it is equal to, and where it stands in an order.

// find are the ids of the resources of a type that match a filter.
func (w *world) find(rt *resourceType, filter string) (ids []any) {
	w.t.Helper()
	r := w.do("GET", rt.Endpoint+"?count=1000&attributes=id&filter="+url.QueryEscape(filter), "").answers(200)
	for _, resource := range list(r.at("Resources")) {
		ids = append(ids, at(resource, "id"))
	}
	return ids
}

// matches ends the test unless the filter selects the resource, or does not.
func (w *world) matches(rt *resourceType, id, filter string, want bool) {
	w.t.Helper()
	if got := slices.Contains(w.find(rt, filter), any(id)); got != want {
		w.t.Fatalf("%s: selects the resource: %t, want %t", filter, got, want)
	}
}

// swapped is a text with every letter in the other case.
func swapped(s string) string {
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
	return a.readable() && !slices.Contains(shownOnly, a.path())
}

func TestAnnouncedAttributesAreFilteredBy(t *testing.T) {
	w := newWorld(t)
	w.each(t, (*attribute).searchable, func(rt *resourceType, a *attribute) {
		subject := w.subject(rt)
		id := strings.TrimPrefix(subject, rt.Endpoint+"/")
		other := w.do("POST", rt.Endpoint, encoded(w.bare(rt, w.seed()))).answers(201)
		values := a.in(w.do("GET", subject, "").answers(200).body)
		if len(values) == 0 {
			w.t.Fatal("it has no value to look for")
		}
		for _, name := range a.names() {
			w.matches(rt, id, name+" pr", true)
			w.matches(rt, id, "not ("+name+" pr)", false)
			if len(a.in(other.body)) == 0 {
				w.matches(rt, other.id(), name+" pr", false)
				w.matches(rt, other.id(), "not ("+name+" pr)", true)
			}
		}
		for _, v := range values {
			if a.Type != "complex" {
				w.compares(rt, id, a, v)
			} else if o, _ := v.(map[string]any); a.sub("value") != nil { // RFC 7644 section 3.4.2.2: it stands for its value
				w.matches(rt, id, a.path()+" eq "+encoded(o["value"]), true)
			} else {
				w.do("GET", rt.Endpoint+"?filter="+url.QueryEscape(a.path()+` eq "x"`), "").refuses(400, "invalidFilter", a.path())
			}
		}
	})
}

// compares tries the operators that the type has (RFC 7644 section 3.4.2.2) with a value that there is.
func (w *world) compares(rt *resourceType, id string, a *attribute, v any) {
	w.t.Helper()
	literal := " " + encoded(v)
	w.matches(rt, id, a.path()+" eq"+literal, true)
	w.matches(rt, id, a.path()+" ne"+literal, false)
	if a.parent != nil && a.parent.MultiValued {
		w.matches(rt, id, a.parent.path()+"["+a.Name+" eq"+literal+"]", true)
	}
	text, _ := v.(string)
	if a.textual() {
		w.matches(rt, id, a.path()+" eq "+encoded(swapped(text)), !a.CaseExact)
		w.matches(rt, id, a.path()+" sw "+encoded(text[:len(text)-1]), true)
		w.matches(rt, id, a.path()+" ew "+encoded(text[1:]), true)
		w.matches(rt, id, a.path()+" co "+encoded(text[1:len(text)-1]), true)
		w.matches(rt, id, a.path()+" gt "+encoded(text[:len(text)-1]), true)
	}
	ordered := a.Type != "boolean" && a.Type != "binary"
	for _, op := range []string{" ge", " le"} {
		if ordered {
			w.matches(rt, id, a.path()+op+literal, true)
		} else {
			w.do("GET", rt.Endpoint+"?filter="+url.QueryEscape(a.path()+op+literal), "").refuses(400, "invalidFilter")
		}
	}
	if a.Type == "boolean" || a.Type == "dateTime" || a.Type == "integer" || a.Type == "decimal" {
		w.do("GET", rt.Endpoint+"?filter="+url.QueryEscape(a.path()+` eq "perhaps"`), "").refuses(400, "invalidFilter", a.path())
	}
}

// What is never returned cannot be guessed at either.
func TestWhatListsDoNotKnowIsNotFilteredBy(t *testing.T) {
	w := newWorld(t)
	w.each(t, func(a *attribute) bool { return !a.searchable() }, func(rt *resourceType, a *attribute) {
		for _, name := range a.names() {
			for _, filter := range []string{name + " pr", name + ` sw "a"`, "id pr or not (" + name + " pr)"} {
				w.do("GET", rt.Endpoint+"?filter="+url.QueryEscape(filter), "").refuses(400, "invalidFilter", a.Name)
			}
		}
	})
}

func TestAnnouncedUniquenessIsEnforced(t *testing.T) {
	w := newWorld(t)
	w.each(t, func(a *attribute) bool { return a.writable() && a.Type != "complex" }, func(rt *resourceType, a *attribute) {
		seed := w.seed()
		v := w.value(a, seed)
		w.create(rt, w.put(w.bare(rt, seed), a, v, seed))
		taken := []any{v}
		if text, ok := v.(string); ok && !a.CaseExact && len(a.CanonicalValues) == 0 {
			taken = append(taken, swapped(text))
		}
		for _, v := range taken {
			body := w.put(w.bare(rt, seed+1), a, v, seed)
			if a.Uniqueness != "server" && a.Uniqueness != "global" {
				w.create(rt, body)
				return
			}
			w.do("POST", rt.Endpoint, encoded(body)).refuses(409, "uniqueness")
			url := w.create(rt, w.bare(rt, seed+1))
			w.do("PUT", url, encoded(body)).refuses(409, "uniqueness")
			w.patch(url, "replace", a.path(), v).refuses(409, "uniqueness")
			w.patch(url, "replace", "", map[string]any{a.Name: v}).refuses(409, "uniqueness")
			w.do("DELETE", url, "").answers(204)
		}
	})
}

func TestAnnouncedCanonicalValuesAreTaken(t *testing.T) {
	w := newWorld(t)
	w.each(t, func(a *attribute) bool { return len(a.CanonicalValues) > 0 }, func(rt *resourceType, a *attribute) {
		for _, v := range a.CanonicalValues {
			if !a.writable() {
				continue
			}
			seed := w.seed()
			r := w.do("POST", rt.Endpoint, encoded(w.put(w.bare(rt, seed), a, v, seed))).answers(201)
			w.shows(r, "POST", a, v)
		}
		for _, v := range a.in(w.do("GET", w.subject(rt), "").answers(200).body) {
			if text, _ := v.(string); !slices.Contains(a.CanonicalValues, text) {
				w.t.Errorf("%v is none of %q", v, a.CanonicalValues)
			}
		}
	})
}

// What is shown has the announced form, and there is nothing that is not announced.
func TestAnnouncedFormsAreShown(t *testing.T) {
	w := newWorld(t)
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
		w.formed(rt.Name, rt.attributes, r.body)
	}
}

func (w *world) formed(path string, attributes []*attribute, o map[string]any) {
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
				w.formed(path+"."+name, a.SubAttributes, inner)
			} else if !a.hasForm(v) {
				w.t.Errorf("%s.%s is %v, which is no %s", path, name, v, a.Type)
			}
		}
	}
}

// hasForm reports whether a value that is not complex is of the type (RFC 7643 section 2.3).
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

// A reference that the service makes leads to a resource of an announced type.
func TestAnnouncedReferencesLeadSomewhere(t *testing.T) {
	w := newWorld(t)
	made := func(a *attribute) bool {
		return a.Type == "reference" && a.Mutability != "readWrite" && a.parent != nil && a.Name == "$ref"
	}
	w.each(t, made, func(rt *resourceType, a *attribute) {
		refs := a.in(w.do("GET", w.subject(rt), "").answers(200).body)
		if len(refs) == 0 {
			w.t.Fatal("there is none")
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
				w.t.Errorf("%s is a %s, and none of %q", text, kind, a.ReferenceTypes)
			}
		}
	})
}

func TestAnnouncedAttributesAreSortedBy(t *testing.T) {
	w := newWorld(t)
	simple := func(a *attribute) bool { return a.single() && a.Type != "complex" && a.searchable() }
	w.each(t, simple, func(rt *resourceType, a *attribute) {
		var resources []map[string]any
		seed := w.seed()
		for _, i := range []int{2, 0, 3, 1} { // so that the order of age is another
			body := w.bare(rt, seed+i)
			if a.writable() {
				w.put(body, a, w.value(a, seed+i), seed)
			}
			resources = append(resources, w.do("POST", rt.Endpoint, encoded(body)).answers(201).body)
		}
		if !a.Required {
			resources = append(resources, w.do("POST", rt.Endpoint, encoded(w.bare(rt, w.seed()))).answers(201).body)
		}
		var these []string
		for _, r := range resources {
			these = append(these, fmt.Sprintf(`id eq "%v"`, r["id"]))
		}
		for _, order := range []string{"ascending", "descending"} {
			slices.SortStableFunc(resources, func(x, y map[string]any) int { // the oldest first where they are equal
				by := compareValues(a, x, y)
				if order == "descending" {
					by = -by
				}
				return cmp.Or(by, cmp.Compare(fmt.Sprint(at(x, "meta.created")), fmt.Sprint(at(y, "meta.created"))))
			})
			var want []any
			for _, r := range resources {
				want = append(want, r["id"])
			}
			r := w.do("GET", rt.Endpoint+"?attributes=id&sortBy="+a.path()+"&sortOrder="+order+"&filter="+url.QueryEscape(strings.Join(these, " or ")), "").answers(200)
			var got []any
			for _, resource := range list(r.at("Resources")) {
				got = append(got, at(resource, "id"))
			}
			if !slices.Equal(got, want) {
				w.t.Errorf("%s: %v, want %v", order, got, want)
			}
		}
	})
}

// compareValues compares two resources by an attribute; what has none comes last (RFC 7644 section 3.4.2.3).
func compareValues(a *attribute, x, y map[string]any) int {
	key := func(resource map[string]any) string {
		values := a.in(resource)
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
