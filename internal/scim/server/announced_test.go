package server_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cloudsso/cloudsso-operator/internal/scim/server"
)

// What is announced is what is done. These tests make their requests of the schemas, the resource types and
// the configuration that the service serves, and know nothing else of it but the exceptions below.

// commonAttributes are those of every resource, which no schema announces, with the characteristics that
// RFC 7643 section 3.1 gives them.
const commonAttributes = `[
	{"name":"id","type":"string","caseExact":true,"mutability":"readOnly","returned":"always"},
	{"name":"externalId","type":"string","caseExact":true,"mutability":"readWrite","returned":"default"},
	{"name":"meta","type":"complex","mutability":"readOnly","returned":"default","subAttributes":[
		{"name":"resourceType","type":"string","caseExact":true,"mutability":"readOnly","returned":"default"},
		{"name":"created","type":"dateTime","mutability":"readOnly","returned":"default"},
		{"name":"lastModified","type":"dateTime","mutability":"readOnly","returned":"default"},
		{"name":"location","type":"reference","caseExact":true,"mutability":"readOnly","returned":"default"},
		{"name":"version","type":"string","caseExact":true,"mutability":"readOnly","returned":"default"}]}]`

// keptByPut are attributes that stay when a PUT leaves them out, as RFC 7644 section 3.5.1 allows;
// keptAlways also when they are removed, for a user without active would be one of whom nobody knows.
// shownOnly are made when an answer is, and lists know nothing of them.
var (
	keptByPut  = []string{"User active", "Group members"}
	keptAlways = []string{"User active"}
	shownOnly  = []string{"meta.location", "meta.version", "members.$ref", "groups.$ref"}
)

// attribute is one as it is announced, at its place.
type attribute struct {
	Name, Type                       string
	MultiValued, Required, CaseExact bool
	Mutability, Returned, Uniqueness string
	CanonicalValues, ReferenceTypes  []string
	SubAttributes                    []*attribute

	parent *attribute
	core   string // the core schema's URN, if it is one of its attributes
	urn    bool   // an extension, whose name is its URN
}

// path is its name (RFC 7644 section 3.10).
func (a *attribute) path() string {
	switch {
	case a.parent == nil:
		return a.Name
	case a.parent.urn:
		return a.parent.Name + ":" + a.Name
	}
	return a.parent.path() + "." + a.Name
}

// names are all by which a client may name it.
func (a *attribute) names() []string {
	names := []string{a.path(), strings.ToUpper(a.path())}
	if a.core != "" {
		names = append(names, a.core+":"+a.path())
	}
	return names
}

// within reports whether it is a part of another, or that itself.
func (a *attribute) within(other *attribute) bool {
	return a == other || a.parent != nil && a.parent.within(other)
}

func (a *attribute) sub(name string) *attribute {
	for _, s := range a.SubAttributes {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// writable reports whether a client may give it a value when the resource is created.
func (a *attribute) writable() bool { return a.Mutability != "readOnly" }

// changeable reports whether a client may change it in place.
func (a *attribute) changeable() bool {
	return a.Mutability == "readWrite" && (a.parent == nil || a.parent.changeable())
}

// single reports whether a resource has one value of it at most.
func (a *attribute) single() bool { return !a.MultiValued && (a.parent == nil || a.parent.single()) }

// isReference reports whether its values are whole references to other resources, which are added and
// removed but not changed.
func (a *attribute) isReference() bool {
	value, ref := a.sub("value"), a.sub("$ref")
	return value != nil && ref != nil && value.Mutability == "immutable"
}

// in are its values in a resource.
func (a *attribute) in(resource any) (values []any) {
	holders := []any{resource}
	if a.parent != nil {
		holders = a.parent.in(resource)
	}
	for _, holder := range holders {
		o, _ := holder.(map[string]any)
		if v, there := o[a.Name]; there {
			values = append(values, list(v)...)
		}
	}
	return values
}

func list(v any) []any {
	if values, ok := v.([]any); ok {
		return values
	}
	return []any{v}
}

// asWritten is a value without what the service adds to it.
func (a *attribute) asWritten(v any) any {
	o, ok := v.(map[string]any)
	if !ok {
		return v
	}
	written := map[string]any{}
	for _, sub := range a.SubAttributes {
		if v, there := o[sub.Name]; there && sub.writable() {
			written[sub.Name] = sub.asWritten(v)
		}
	}
	return written
}

// resourceType is one as it is announced, with the attributes of all its schemas.
type resourceType struct {
	ID, Name, Endpoint, Schema string
	SchemaExtensions           []struct {
		Schema   string
		Required bool
	}
	attributes []*attribute // top-level
	all        []*attribute // those within others, too
}

func (rt *resourceType) add(a, parent *attribute) {
	a.parent = parent
	if parent != nil {
		a.core = parent.core
	}
	rt.all = append(rt.all, a)
	for _, sub := range a.SubAttributes {
		rt.add(sub, a)
	}
}

// world is a service and what it announces.
type world struct {
	*service
	types  []*resourceType
	config struct {
		Patch, Sort, Etag, ChangePassword struct{ Supported bool }
		Bulk                              struct {
			Supported                     bool
			MaxOperations, MaxPayloadSize int
		}
		Filter struct {
			Supported  bool
			MaxResults int
		}
		Pagination struct {
			Cursor, Index                bool
			DefaultPaginationMethod      string
			DefaultPageSize, MaxPageSize int
		}
		AuthenticationSchemes []struct{ Type string }
	}
	seeds int
	full  map[string]string // ids of the resources that have every attribute
}

func newWorld(t *testing.T, adjust ...func(*server.Options)) *world {
	t.Helper()
	w := &world{service: newService(t, adjust...), full: map[string]string{}}
	w.fetch("/ServiceProviderConfig", &w.config)
	var types struct{ Resources []*resourceType }
	w.fetch("/ResourceTypes", &types)
	w.types = types.Resources
	for _, rt := range w.types {
		if err := json.Unmarshal([]byte(commonAttributes), &rt.attributes); err != nil {
			t.Fatal(err)
		}
		for _, a := range w.schema(rt.Schema) {
			a.core = rt.Schema
			rt.attributes = append(rt.attributes, a)
		}
		for _, e := range rt.SchemaExtensions {
			rt.attributes = append(rt.attributes, &attribute{
				Name: e.Schema, Type: "complex", Required: e.Required, Mutability: "readWrite", Returned: "default",
				SubAttributes: w.schema(e.Schema), urn: true,
			})
		}
		for _, a := range rt.attributes {
			rt.add(a, nil)
		}
	}
	return w
}

// schema are the attributes of a schema.
func (w *world) schema(id string) []*attribute {
	w.t.Helper()
	var schema struct{ Attributes []*attribute }
	w.fetch("/Schemas/"+id, &schema)
	if len(schema.Attributes) == 0 {
		w.t.Fatalf("schema %s has no attributes", id)
	}
	return schema.Attributes
}

func (w *world) fetch(path string, into any) {
	w.t.Helper()
	if err := json.Unmarshal([]byte(w.do("GET", path, "").answers(200).raw), into); err != nil {
		w.t.Fatalf("%s: %v", path, err)
	}
}

// each runs a check of every attribute that is wanted, each in a test of its own.
func (w *world) each(t *testing.T, wanted func(*attribute) bool, check func(*resourceType, *attribute)) {
	t.Helper()
	checked := 0
	for _, rt := range w.types {
		for _, a := range rt.all {
			if !wanted(a) {
				continue
			}
			checked++
			t.Run(rt.Name+" "+a.path(), func(t *testing.T) {
				defer w.within(t)()
				check(rt, a)
			})
		}
	}
	if checked == 0 {
		t.Error("there is no such attribute")
	}
}

// seed begins a few numbers that nobody has had: what is made of one is not what is made of another.
func (w *world) seed() int {
	w.seeds += 10
	return w.seeds
}

// value is one of the announced type.
func (w *world) value(a *attribute, seed int) any {
	if a.MultiValued {
		return []any{w.element(a, seed), w.element(a, seed+1)}
	}
	return w.element(a, seed)
}

// element is a value of the announced type alone. Of texts every other is in other letter case, and of
// booleans every other is true, so that one of two values is primary.
func (w *world) element(a *attribute, seed int) any {
	text := fmt.Sprintf("%s Value %04d", a.Name, seed)
	if seed%2 == 1 {
		text = swapped(text)
	}
	switch a.Type {
	case "complex":
		return w.complex(a, seed)
	case "boolean":
		return seed%2 == 0
	case "integer":
		return float64(seed)
	case "decimal":
		return float64(seed) + 0.5
	case "dateTime":
		return fmt.Sprintf("2%03d-02-03T04:05:06Z", seed)
	case "binary":
		return base64.StdEncoding.EncodeToString([]byte(text))
	case "reference":
		return "https://example.com/" + url.PathEscape(text)
	}
	if n := len(a.CanonicalValues); n > 0 {
		return a.CanonicalValues[seed%n]
	}
	return text
}

// complex has every sub-attribute that a client may write; or simply every one, if it may write none.
func (w *world) complex(a *attribute, seed int) any {
	o := map[string]any{}
	for _, sub := range a.SubAttributes {
		if sub.writable() || !a.writable() {
			o[sub.Name] = w.value(sub, seed)
		}
	}
	if target := w.referenced(a); target != nil && a.isReference() { // to what there is
		id := w.complete(target, seed)
		o["value"], o["$ref"] = id, base+target.Endpoint+"/"+id
	}
	return o
}

// referenced is the type of resource that a complex attribute refers to.
func (w *world) referenced(a *attribute) *resourceType {
	if ref := a.sub("$ref"); ref != nil {
		for _, rt := range w.types {
			if slices.Contains(ref.ReferenceTypes, rt.Name) {
				return rt
			}
		}
	}
	return nil
}

// put gives an attribute a value in a body, and to what it is a part of no more than that needs.
func (w *world) put(body map[string]any, a *attribute, v any, seed int) map[string]any {
	if a.parent == nil {
		body[a.Name] = v
		return body
	}
	holder := map[string]any{}
	if a.parent.isReference() {
		holder, _ = w.complex(a.parent, seed).(map[string]any)
	}
	holder[a.Name] = v
	if a.parent.MultiValued {
		return w.put(body, a.parent, []any{holder}, seed)
	}
	return w.put(body, a.parent, holder, seed)
}

// bare is a body of what is required, everything of all that a client may write.
func (w *world) bare(rt *resourceType, seed int) map[string]any {
	return w.body(rt, seed, func(a *attribute) bool { return a.Required })
}

func (w *world) everything(rt *resourceType, seed int) map[string]any {
	return w.body(rt, seed, func(*attribute) bool { return true })
}

func (w *world) body(rt *resourceType, seed int, wanted func(*attribute) bool) map[string]any {
	schemas := []any{rt.Schema}
	body := map[string]any{}
	for _, a := range rt.attributes {
		if a.writable() && wanted(a) {
			body[a.Name] = w.value(a, seed)
			if a.urn {
				schemas = append(schemas, a.Name)
			}
		}
	}
	body["schemas"] = schemas
	return body
}

// complete is the id of the resource that has everything of a seed.
func (w *world) complete(rt *resourceType, seed int) string {
	w.t.Helper()
	key := fmt.Sprint(rt.Name, seed)
	if w.full[key] == "" {
		w.full[key] = w.do("POST", rt.Endpoint, encoded(w.everything(rt, seed))).answers(201).id()
	}
	return w.full[key]
}

// subject is the URL of a resource of the type that has everything, and what there is by being referred to.
func (w *world) subject(rt *resourceType) string {
	w.t.Helper()
	for _, each := range w.types {
		w.complete(each, 0)
	}
	return rt.Endpoint + "/" + w.complete(rt, 0)
}

// create stores a body and returns the resource's URL.
func (w *world) create(rt *resourceType, body map[string]any) string {
	w.t.Helper()
	return rt.Endpoint + "/" + w.do("POST", rt.Endpoint, encoded(body)).answers(201).id()
}

func (w *world) patch(url, op, path string, v any) *reply {
	w.t.Helper()
	operation := map[string]any{"op": op}
	if path != "" {
		operation["path"] = path
	}
	if v != nil {
		operation["value"] = v
	}
	return w.do("PATCH", url, patchJSON(encoded(operation)))
}

func encoded(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // what was made of JSON
	}
	return string(data)
}

// shows reports an error unless an answer, and the resource when it is read, have that value of an
// attribute, or none if it is nil.
func (w *world) shows(r *reply, what string, a *attribute, v any) {
	w.t.Helper()
	var want []any
	if v != nil {
		for _, one := range list(v) {
			want = append(want, a.asWritten(one))
		}
	}
	location := strings.TrimPrefix(r.text("meta.location"), base)
	for _, shown := range []*reply{r, w.do("GET", location, "").answers(200)} {
		var got []any
		for _, one := range a.in(shown.body) {
			got = append(got, a.asWritten(one))
		}
		if !reflect.DeepEqual(got, want) {
			w.t.Errorf("%s: %s is %v, want %v: %s", what, a.path(), got, want, shown.raw)
		}
	}
}

func anything(*attribute) bool { return true }

func TestAnnouncedAttributesAreKept(t *testing.T) {
	w := newWorld(t)
	w.each(t, (*attribute).changeable, func(rt *resourceType, a *attribute) {
		name, seed := rt.Name+" "+a.path(), w.seed()
		value := func(i int) any { return w.value(a, seed+i) }

		r := w.do("POST", rt.Endpoint, encoded(w.put(w.bare(rt, seed), a, value(0), seed))).answers(201)
		w.shows(r, "POST", a, value(0))
		w.do("DELETE", rt.Endpoint+"/"+r.id(), "").answers(204)

		url := w.create(rt, w.bare(rt, seed+4))
		w.shows(w.do("PUT", url, encoded(w.put(w.bare(rt, seed+4), a, value(1), seed))).answers(200), "PUT", a, value(1))
		if !a.Required && !slices.Contains(keptByPut, name) {
			w.shows(w.do("PUT", url, encoded(w.bare(rt, seed+4))).answers(200), "PUT without it", a, nil)
		}
		w.shows(w.patch(url, "replace", a.path(), value(1)).answers(200), "replace", a, value(1))
		if !a.Required && !slices.Contains(keptAlways, name) {
			w.shows(w.patch(url, "remove", a.path(), nil).answers(200), "remove", a, nil)
		}
		w.shows(w.patch(url, "add", a.path(), value(2)).answers(200), "add", a, value(2))
		for i, path := range a.names() {
			w.shows(w.patch(url, "replace", path, value(i)).answers(200), "replace of "+path, a, value(i))
		}
		w.shows(w.patch(url, "replace", "", w.put(map[string]any{}, a, value(3), seed)).answers(200), "replace without a path", a, value(3))
		if a.parent != nil && a.parent.MultiValued && a.Type != "complex" {
			path := a.parent.path() + "[" + a.Name + " eq " + encoded(value(3)) + "]." + a.Name
			w.shows(w.patch(url, "replace", path, value(1)).answers(200), "replace of "+path, a, value(1))
		}
	})
}

func TestAnnouncedReadOnlyAttributesAreIgnored(t *testing.T) {
	w := newWorld(t)
	w.each(t, func(a *attribute) bool { return a.Mutability == "readOnly" }, func(rt *resourceType, a *attribute) {
		seed := w.seed()
		madeUp := w.value(a, seed+1)
		body := w.put(w.bare(rt, seed), a, madeUp, seed)
		r := w.do("POST", rt.Endpoint, encoded(body)).answers(201)
		for _, v := range a.in(r.body) {
			if reflect.DeepEqual(v, list(madeUp)[0]) {
				t.Errorf("POST: %s is %v, as the client made it up", a.path(), v)
			}
		}
		before, url := a.in(r.body), rt.Endpoint+"/"+r.id()
		same := func(what string, r *reply) {
			if got := a.in(r.answers(200).body); !reflect.DeepEqual(got, before) {
				w.t.Errorf("%s: %s is %v, want %v", what, a.path(), got, before)
			}
		}
		same("PUT", w.do("PUT", url, encoded(body)))
		for _, op := range []string{"add", "replace", "remove"} {
			v := madeUp
			if op == "remove" {
				v = nil
			}
			w.patch(url, op, a.path(), v).refuses(400, "mutability")
			if a.parent != nil && a.parent.MultiValued && a.searchable() {
				w.patch(url, op, a.parent.path()+"["+a.Name+" pr]."+a.Name, v).refuses(400, "mutability")
			}
		}
		same("PATCH", w.do("GET", url, ""))
	})
}

func TestAnnouncedImmutableAttributesStay(t *testing.T) {
	w := newWorld(t)
	w.each(t, func(a *attribute) bool { return a.Mutability == "immutable" }, func(rt *resourceType, a *attribute) {
		seed := w.seed()
		v := w.complex(a.parent, seed)
		r := w.do("POST", rt.Endpoint, encoded(w.put(w.bare(rt, seed), a.parent, []any{v}, seed))).answers(201)
		w.shows(r, "POST", a.parent, []any{v})
		w.patch(rt.Endpoint+"/"+r.id(), "replace", a.path(), w.element(a, seed+1)).refuses(400, "mutability")
		w.shows(r, "PATCH", a.parent, []any{v})
	})
}

func TestAnnouncedWriteOnlyAttributesAreTakenAndNeverSeen(t *testing.T) {
	w := newWorld(t)
	w.each(t, func(a *attribute) bool { return a.Mutability == "writeOnly" }, func(rt *resourceType, a *attribute) {
		seed := w.seed()
		body := w.put(w.bare(rt, seed), a, w.value(a, seed), seed)
		r := w.do("POST", rt.Endpoint, encoded(body)).answers(201)
		w.shows(r, "POST", a, nil)
		url := rt.Endpoint + "/" + r.id()
		w.shows(w.do("PUT", url, encoded(body)).answers(200), "PUT", a, nil)
		w.shows(w.patch(url, "replace", a.path(), w.value(a, seed+1)).answers(200), "PATCH", a, nil)
		if a.Name == "password" && !w.config.ChangePassword.Supported {
			w.do("GET", url, "").answers(200).sends("ETag", r.header.Get("ETag")) // it changes nothing
		}
	})
}

// views are a resource as it is shown by every operation, with the parameters given.
func (w *world) views(url, parameters string) map[string]map[string]any {
	w.t.Helper()
	endpoint, id, _ := strings.Cut(strings.TrimPrefix(url, "/"), "/")
	name, value, _ := strings.Cut(parameters, "=")
	search := map[string]any{"filter": `id eq "` + id + `"`}
	if name != "" {
		search[name] = []any{value}
	}
	views := map[string]map[string]any{}
	for what, r := range map[string]*reply{
		"GET":   w.do("GET", url+"?"+parameters, ""),
		"PATCH": w.do("PATCH", url+"?"+parameters, patchJSON("")),
	} {
		views[what] = r.answers(200).body
	}
	for what, r := range map[string]*reply{
		"list":   w.do("GET", "/"+endpoint+"?filter=id%20eq%20%22"+id+"%22&"+parameters, ""),
		"search": w.do("POST", "/"+endpoint+"/.search", encoded(search)),
		"root":   w.do("POST", "/.search", encoded(search)),
	} {
		views[what], _ = r.answers(200).at("Resources.0").(map[string]any)
	}
	return views
}

func TestAnnouncedAttributesAreReturned(t *testing.T) {
	w := newWorld(t)
	w.each(t, anything, func(rt *resourceType, a *attribute) {
		url := w.subject(rt)
		whole := a.in(w.do("GET", url, "").answers(200).body)
		if shown := a.Returned == "default" || a.Returned == "always"; shown != (len(whole) > 0) {
			w.t.Fatalf("without parameters it is %v", whole)
		}
		for _, name := range a.names() {
			for what, resource := range w.views(url, "excludedAttributes="+name) {
				if got := a.in(resource); (len(got) > 0) != (a.Returned == "always") {
					w.t.Errorf("%s without %s has %v", what, name, got)
				}
			}
			for what, resource := range w.views(url, "attributes="+name) {
				if got := a.in(resource); !reflect.DeepEqual(got, whole) && a.Returned != "request" || (len(got) > 0) != (a.Returned != "never") {
					w.t.Errorf("%s of %s has %v, want %v", what, name, got, whole)
				}
				w.alone(rt, a, what, resource)
			}
		}
	})
}

// alone reports an error if a resource has more than one attribute and what is always returned.
func (w *world) alone(rt *resourceType, a *attribute, what string, resource map[string]any) {
	w.t.Helper()
	for _, other := range rt.all {
		if len(other.SubAttributes) > 0 || other.Returned == "always" || other.within(a) {
			continue
		}
		if got := other.in(resource); len(got) > 0 {
			w.t.Errorf("%s of %s has %s, too: %v", what, a.path(), other.path(), got)
		}
	}
}

func TestAnnouncedRequiredAttributesAreDemanded(t *testing.T) {
	w := newWorld(t)
	w.each(t, func(a *attribute) bool { return a.Required && a.writable() }, func(rt *resourceType, a *attribute) {
		seed := w.seed()
		url := w.create(rt, w.everything(rt, seed))
		refused := func(body map[string]any) {
			for what, r := range map[string]*reply{
				"POST": w.do("POST", rt.Endpoint, encoded(body)),
				"PUT":  w.do("PUT", url, encoded(body)),
			} {
				w.names(r.refuses(400, "invalidValue"), what, a)
			}
		}
		for _, nothing := range []any{nil, "", []any{}} {
			refused(w.put(w.everything(rt, seed+4), a, nothing, seed))
			w.patch(url, "replace", "", w.put(map[string]any{}, a, nothing, seed)).answers(400)
		}
		refused(a.without(w.everything(rt, seed+4)))
		w.names(w.patch(url, "remove", a.path(), nil).refuses(400, "mutability"), "PATCH", a) // RFC 7644 section 3.5.2.2
	})
}

func TestOtherAttributesMayBeLeftOut(t *testing.T) {
	w := newWorld(t)
	w.each(t, func(a *attribute) bool { return !a.Required && a.writable() }, func(rt *resourceType, a *attribute) {
		w.create(rt, a.without(w.everything(rt, w.seed())))
	})
}

// without is a body that has no value of the attribute any more.
func (a *attribute) without(body map[string]any) map[string]any {
	holders := []any{body}
	if a.parent != nil {
		holders = a.parent.in(body)
	}
	for _, holder := range holders {
		o, _ := holder.(map[string]any)
		delete(o, a.Name)
	}
	return body
}

// names reports an error unless the detail of a refusal names the attribute; which one of several does not
// matter.
func (w *world) names(r *reply, what string, a *attribute) {
	w.t.Helper()
	if detail := strings.ReplaceAll(r.text("detail"), "[0]", ""); !strings.Contains(" "+detail, " "+a.path()+" ") {
		w.t.Errorf("%s: %q does not name %s", what, detail, a.path())
	}
}

// wrong are values that are not of the announced type.
func (w *world) wrong(a *attribute, seed int) []any {
	var wrong []any
	switch a.Type {
	case "complex":
		wrong = []any{true, 7.0}
		if a.sub("value") == nil {
			wrong = append(wrong, "text")
		}
	case "boolean":
		wrong = []any{"perhaps", 7.0, map[string]any{"x": "y"}}
	case "integer":
		wrong = []any{"many", 7.5, true, map[string]any{"x": "y"}}
	case "decimal":
		wrong = []any{"many", true, map[string]any{"x": "y"}}
	case "dateTime":
		wrong = []any{"yesterday", true, map[string]any{"x": "y"}}
	case "binary":
		wrong = []any{"?", true, map[string]any{"x": "y"}}
	default:
		wrong = []any{true, map[string]any{"x": "y"}}
	}
	if !a.MultiValued {
		return append(wrong, []any{w.element(a, seed), w.element(a, seed+1)})
	}
	for i, v := range wrong {
		wrong[i] = []any{v}
	}
	return wrong
}

// What cannot be read back, and is not kept, is of no type.
func TestAnnouncedTypesAreDemanded(t *testing.T) {
	w := newWorld(t)
	w.each(t, func(a *attribute) bool { return a.writable() && a.Mutability != "writeOnly" }, func(rt *resourceType, a *attribute) {
		seed := w.seed()
		url := w.create(rt, w.bare(rt, seed))
		for _, v := range w.wrong(a, seed) {
			body := encoded(w.put(w.bare(rt, seed+4), a, v, seed))
			for what, r := range map[string]*reply{"POST": w.do("POST", rt.Endpoint, body), "PUT": w.do("PUT", url, body)} {
				w.names(r.refuses(400, "invalidValue"), fmt.Sprint(what, " of ", v), a)
			}
			if a.changeable() {
				w.names(w.patch(url, "replace", a.path(), v).refuses(400, "invalidValue"), fmt.Sprint("PATCH of ", v), a)
			}
		}
		w.do("GET", url, "").answers(200).sends("ETag", w.do("PUT", url, encoded(w.bare(rt, seed))).header.Get("ETag"))
	})
}
