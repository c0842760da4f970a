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

// The service does what it announces. These tests derive their requests from the schemas, the resource types and
// the configuration that the service serves. The lists below are the only exceptions.

// commonAttributes are the attributes of every resource, with the characteristics of RFC 7643 section 3.1. No
// schema announces them.
const commonAttributes = `[
	{"name":"id","type":"string","caseExact":true,"mutability":"readOnly","returned":"always"},
	{"name":"externalId","type":"string","caseExact":true,"mutability":"readWrite","returned":"default"},
	{"name":"meta","type":"complex","mutability":"readOnly","returned":"default","subAttributes":[
		{"name":"resourceType","type":"string","caseExact":true,"mutability":"readOnly","returned":"default"},
		{"name":"created","type":"dateTime","mutability":"readOnly","returned":"default"},
		{"name":"lastModified","type":"dateTime","mutability":"readOnly","returned":"default"},
		{"name":"location","type":"reference","caseExact":true,"mutability":"readOnly","returned":"default"},
		{"name":"version","type":"string","caseExact":true,"mutability":"readOnly","returned":"default"}]}]`

// keptOnPut are the attributes that a PUT keeps if its body does not have them, as RFC 7644 section 3.5.1 permits.
// keptAlways are those that cannot be removed: without active, it would be undefined whether a user has access.
// unsearchable are added when a response is written, so that filters and sorting cannot use them.
var (
	keptOnPut    = []string{"User active", "Group members"}
	keptAlways   = []string{"User active"}
	unsearchable = []string{"meta.location", "meta.version", "members.$ref", "groups.$ref"}
)

// attribute is an announced attribute and its place in the schemas.
type attribute struct {
	Name, Type                       string
	MultiValued, Required, CaseExact bool
	Mutability, Returned, Uniqueness string
	CanonicalValues, ReferenceTypes  []string
	SubAttributes                    []*attribute

	parent *attribute
	core   string // the core schema's URN, if the attribute belongs to it
	urn    bool   // an extension, whose name is its URN
}

// path returns the attribute's name in filters and paths (RFC 7644 section 3.10).
func (a *attribute) path() string {
	switch {
	case a.parent == nil:
		return a.Name
	case a.parent.urn:
		return a.parent.Name + ":" + a.Name
	}
	return a.parent.path() + "." + a.Name
}

// names returns all names by which a client may refer to the attribute.
func (a *attribute) names() []string {
	names := []string{a.path(), strings.ToUpper(a.path())}
	if a.core != "" {
		names = append(names, a.core+":"+a.path())
	}
	return names
}

// isWithin reports whether the attribute is the other one, or a sub-attribute of it at any depth.
func (a *attribute) isWithin(other *attribute) bool {
	return a == other || a.parent != nil && a.parent.isWithin(other)
}

func (a *attribute) sub(name string) *attribute {
	for _, s := range a.SubAttributes {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// writable reports whether a client may set the attribute when it creates a resource.
func (a *attribute) writable() bool { return a.Mutability != "readOnly" }

// changeable reports whether a client may change the attribute in place.
func (a *attribute) changeable() bool {
	return a.Mutability == "readWrite" && (a.parent == nil || a.parent.changeable())
}

// single reports whether a resource has at most one value of the attribute.
func (a *attribute) single() bool { return !a.MultiValued && (a.parent == nil || a.parent.single()) }

// isReference reports whether the values are references to other resources, which can be added and removed but
// not changed.
func (a *attribute) isReference() bool {
	value, ref := a.sub("value"), a.sub("$ref")
	return value != nil && ref != nil && value.Mutability == "immutable"
}

// valuesIn returns the attribute's values in a resource.
func (a *attribute) valuesIn(resource any) (values []any) {
	holders := []any{resource}
	if a.parent != nil {
		holders = a.parent.valuesIn(resource)
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

// asWritten returns a value without the sub-attributes that the service adds.
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

// resourceType is an announced resource type with the attributes of all its schemas.
type resourceType struct {
	ID, Name, Endpoint, Schema string
	SchemaExtensions           []struct {
		Schema   string
		Required bool
	}
	attributes []*attribute // top-level
	all        []*attribute // sub-attributes too
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

// announcedService is a service and its announced configuration.
type announcedService struct {
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

func newAnnouncedService(t *testing.T, adjust ...func(*server.Options)) *announcedService {
	t.Helper()
	w := &announcedService{service: newService(t, adjust...), full: map[string]string{}}
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

// schema returns the attributes of a schema.
func (w *announcedService) schema(id string) []*attribute {
	w.t.Helper()
	var schema struct{ Attributes []*attribute }
	w.fetch("/Schemas/"+id, &schema)
	if len(schema.Attributes) == 0 {
		w.t.Fatalf("schema %s has no attributes", id)
	}
	return schema.Attributes
}

func (w *announcedService) fetch(path string, into any) {
	w.t.Helper()
	if err := json.Unmarshal([]byte(w.do("GET", path, "").answers(200).raw), into); err != nil {
		w.t.Fatalf("%s: %v", path, err)
	}
}

// each runs a check for each attribute that is wanted, in a test of its own.
func (w *announcedService) each(t *testing.T, wanted func(*attribute) bool, check func(*resourceType, *attribute)) {
	t.Helper()
	checked := 0
	for _, rt := range w.types {
		for _, a := range rt.all {
			if !wanted(a) {
				continue
			}
			checked++
			t.Run(rt.Name+" "+a.path(), func(t *testing.T) {
				defer w.useSubtest(t)()
				check(rt, a)
			})
		}
	}
	if checked == 0 {
		t.Error("no attribute was checked")
	}
}

// seed returns the first of ten numbers that have not been used. Values that are made from different numbers
// differ.
func (w *announcedService) seed() int {
	w.seeds += 10
	return w.seeds
}

// value returns a value of the announced type.
func (w *announcedService) value(a *attribute, seed int) any {
	if a.MultiValued {
		return []any{w.element(a, seed), w.element(a, seed+1)}
	}
	return w.element(a, seed)
}

// element returns one value of the announced type. The letter case of texts alternates with the seed, and so
// do booleans, so that one of two values is primary.
func (w *announcedService) element(a *attribute, seed int) any {
	text := fmt.Sprintf("%s Value %04d", a.Name, seed)
	if seed%2 == 1 {
		text = swapCase(text)
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

// complex returns a value with all sub-attributes that a client may write, or with all sub-attributes if it
// may write none.
func (w *announcedService) complex(a *attribute, seed int) any {
	o := map[string]any{}
	for _, sub := range a.SubAttributes {
		if sub.writable() || !a.writable() {
			o[sub.Name] = w.value(sub, seed)
		}
	}
	if target := w.referenced(a); target != nil && a.isReference() { // to an existing resource
		id := w.fullResource(target, seed)
		o["value"], o["$ref"] = id, base+target.Endpoint+"/"+id
	}
	return o
}

// referenced returns the resource type that a complex attribute refers to.
func (w *announcedService) referenced(a *attribute) *resourceType {
	if ref := a.sub("$ref"); ref != nil {
		for _, rt := range w.types {
			if slices.Contains(ref.ReferenceTypes, rt.Name) {
				return rt
			}
		}
	}
	return nil
}

// setValue sets an attribute in a body. The attributes that contain it get no other values than they need.
func (w *announcedService) setValue(body map[string]any, a *attribute, v any, seed int) map[string]any {
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
		return w.setValue(body, a.parent, []any{holder}, seed)
	}
	return w.setValue(body, a.parent, holder, seed)
}

// minimalBody returns a body with the required attributes.
func (w *announcedService) minimalBody(rt *resourceType, seed int) map[string]any {
	return w.body(rt, seed, func(a *attribute) bool { return a.Required })
}

// fullBody returns a body with all attributes that a client may write.
func (w *announcedService) fullBody(rt *resourceType, seed int) map[string]any {
	return w.body(rt, seed, func(*attribute) bool { return true })
}

func (w *announcedService) body(rt *resourceType, seed int, wanted func(*attribute) bool) map[string]any {
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

// fullResource returns the id of the resource with all attributes that was made from a seed. The first call
// creates it.
func (w *announcedService) fullResource(rt *resourceType, seed int) string {
	w.t.Helper()
	key := fmt.Sprint(rt.Name, seed)
	if w.full[key] == "" {
		w.full[key] = w.do("POST", rt.Endpoint, toJSON(w.fullBody(rt, seed))).answers(201).id()
	}
	return w.full[key]
}

// subject returns the URL of a resource with all attributes. Resources of all types exist by then, so that
// attributes that follow from references have values.
func (w *announcedService) subject(rt *resourceType) string {
	w.t.Helper()
	for _, each := range w.types {
		w.fullResource(each, 0)
	}
	return rt.Endpoint + "/" + w.fullResource(rt, 0)
}

// create creates a resource and returns its URL.
func (w *announcedService) create(rt *resourceType, body map[string]any) string {
	w.t.Helper()
	return rt.Endpoint + "/" + w.do("POST", rt.Endpoint, toJSON(body)).answers(201).id()
}

func (w *announcedService) patch(url, op, path string, v any) *reply {
	w.t.Helper()
	operation := map[string]any{"op": op}
	if path != "" {
		operation["path"] = path
	}
	if v != nil {
		operation["value"] = v
	}
	return w.do("PATCH", url, patchJSON(toJSON(operation)))
}

func toJSON(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // v was made from JSON
	}
	return string(data)
}

// checkShown fails unless a response and a later read have that value of an attribute, or no value if v is
// nil.
func (w *announcedService) checkShown(r *reply, what string, a *attribute, v any) {
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
		for _, one := range a.valuesIn(shown.body) {
			got = append(got, a.asWritten(one))
		}
		if !reflect.DeepEqual(got, want) {
			w.t.Errorf("%s: %s is %v, want %v: %s", what, a.path(), got, want, shown.raw)
		}
	}
}

func anyAttribute(*attribute) bool { return true }

func TestAnnouncedAttributesCanBeWritten(t *testing.T) {
	w := newAnnouncedService(t)
	w.each(t, (*attribute).changeable, func(rt *resourceType, a *attribute) {
		name, seed := rt.Name+" "+a.path(), w.seed()
		value := func(i int) any { return w.value(a, seed+i) }

		r := w.do("POST", rt.Endpoint, toJSON(w.setValue(w.minimalBody(rt, seed), a, value(0), seed))).answers(201)
		w.checkShown(r, "POST", a, value(0))
		w.do("DELETE", rt.Endpoint+"/"+r.id(), "").answers(204)

		url := w.create(rt, w.minimalBody(rt, seed+4))
		w.checkShown(w.do("PUT", url, toJSON(w.setValue(w.minimalBody(rt, seed+4), a, value(1), seed))).answers(200), "PUT", a, value(1))
		if !a.Required && !slices.Contains(keptOnPut, name) {
			w.checkShown(w.do("PUT", url, toJSON(w.minimalBody(rt, seed+4))).answers(200), "PUT without it", a, nil)
		}
		w.checkShown(w.patch(url, "replace", a.path(), value(1)).answers(200), "replace", a, value(1))
		if !a.Required && !slices.Contains(keptAlways, name) {
			w.checkShown(w.patch(url, "remove", a.path(), nil).answers(200), "remove", a, nil)
		}
		w.checkShown(w.patch(url, "add", a.path(), value(2)).answers(200), "add", a, value(2))
		for i, path := range a.names() {
			w.checkShown(w.patch(url, "replace", path, value(i)).answers(200), "replace of "+path, a, value(i))
		}
		w.checkShown(w.patch(url, "replace", "", w.setValue(map[string]any{}, a, value(3), seed)).answers(200), "replace without a path", a, value(3))
		if a.parent != nil && a.parent.MultiValued && a.Type != "complex" {
			path := a.parent.path() + "[" + a.Name + " eq " + toJSON(value(3)) + "]." + a.Name
			w.checkShown(w.patch(url, "replace", path, value(1)).answers(200), "replace of "+path, a, value(1))
		}
	})
}

func TestAnnouncedReadOnlyAttributesAreIgnored(t *testing.T) {
	w := newAnnouncedService(t)
	w.each(t, func(a *attribute) bool { return a.Mutability == "readOnly" }, func(rt *resourceType, a *attribute) {
		seed := w.seed()
		madeUp := w.value(a, seed+1)
		body := w.setValue(w.minimalBody(rt, seed), a, madeUp, seed)
		r := w.do("POST", rt.Endpoint, toJSON(body)).answers(201)
		for _, v := range a.valuesIn(r.body) {
			if reflect.DeepEqual(v, list(madeUp)[0]) {
				t.Errorf("POST: %s is %v, which the client invented", a.path(), v)
			}
		}
		before, url := a.valuesIn(r.body), rt.Endpoint+"/"+r.id()
		same := func(what string, r *reply) {
			if got := a.valuesIn(r.answers(200).body); !reflect.DeepEqual(got, before) {
				w.t.Errorf("%s: %s is %v, want %v", what, a.path(), got, before)
			}
		}
		same("PUT", w.do("PUT", url, toJSON(body)))
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

func TestAnnouncedImmutableAttributesDoNotChange(t *testing.T) {
	w := newAnnouncedService(t)
	w.each(t, func(a *attribute) bool { return a.Mutability == "immutable" }, func(rt *resourceType, a *attribute) {
		seed := w.seed()
		v := w.complex(a.parent, seed)
		r := w.do("POST", rt.Endpoint, toJSON(w.setValue(w.minimalBody(rt, seed), a.parent, []any{v}, seed))).answers(201)
		w.checkShown(r, "POST", a.parent, []any{v})
		w.patch(rt.Endpoint+"/"+r.id(), "replace", a.path(), w.element(a, seed+1)).refuses(400, "mutability")
		w.checkShown(r, "PATCH", a.parent, []any{v})
	})
}

func TestAnnouncedWriteOnlyAttributesAreAcceptedAndNeverReturned(t *testing.T) {
	w := newAnnouncedService(t)
	w.each(t, func(a *attribute) bool { return a.Mutability == "writeOnly" }, func(rt *resourceType, a *attribute) {
		seed := w.seed()
		body := w.setValue(w.minimalBody(rt, seed), a, w.value(a, seed), seed)
		r := w.do("POST", rt.Endpoint, toJSON(body)).answers(201)
		w.checkShown(r, "POST", a, nil)
		url := rt.Endpoint + "/" + r.id()
		w.checkShown(w.do("PUT", url, toJSON(body)).answers(200), "PUT", a, nil)
		w.checkShown(w.patch(url, "replace", a.path(), w.value(a, seed+1)).answers(200), "PATCH", a, nil)
		if a.Name == "password" && !w.config.ChangePassword.Supported {
			w.do("GET", url, "").answers(200).sends("ETag", r.header.Get("ETag")) // the password changes nothing
		}
	})
}

// representations returns the representation of a resource in the response to each operation, with the
// parameters given.
func (w *announcedService) representations(url, parameters string) map[string]map[string]any {
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
		"PATCH": w.do("PATCH", url+"?"+parameters, patchJSON(`{"op":"add","value":{}}`)),
	} {
		views[what] = r.answers(200).body
	}
	for what, r := range map[string]*reply{
		"list":   w.do("GET", "/"+endpoint+"?filter=id%20eq%20%22"+id+"%22&"+parameters, ""),
		"search": w.do("POST", "/"+endpoint+"/.search", toJSON(search)),
		"root":   w.do("POST", "/.search", toJSON(search)),
	} {
		views[what], _ = r.answers(200).at("Resources.0").(map[string]any)
	}
	return views
}

func TestAnnouncedAttributesAreReturned(t *testing.T) {
	w := newAnnouncedService(t)
	w.each(t, anyAttribute, func(rt *resourceType, a *attribute) {
		url := w.subject(rt)
		whole := a.valuesIn(w.do("GET", url, "").answers(200).body)
		if shown := a.Returned == "default" || a.Returned == "always"; shown != (len(whole) > 0) {
			w.t.Fatalf("without parameters the values are %v", whole)
		}
		for _, name := range a.names() {
			for what, resource := range w.representations(url, "excludedAttributes="+name) {
				if got := a.valuesIn(resource); (len(got) > 0) != (a.Returned == "always") {
					w.t.Errorf("%s without %s has %v", what, name, got)
				}
			}
			for what, resource := range w.representations(url, "attributes="+name) {
				if got := a.valuesIn(resource); !reflect.DeepEqual(got, whole) && a.Returned != "request" || (len(got) > 0) != (a.Returned != "never") {
					w.t.Errorf("%s of %s has %v, want %v", what, name, got, whole)
				}
				w.checkOnly(rt, a, what, resource)
			}
		}
	})
}

// checkOnly fails if a resource has other attributes than one and those that are always returned.
func (w *announcedService) checkOnly(rt *resourceType, a *attribute, what string, resource map[string]any) {
	w.t.Helper()
	for _, other := range rt.all {
		if len(other.SubAttributes) > 0 || other.Returned == "always" || other.isWithin(a) {
			continue
		}
		if got := other.valuesIn(resource); len(got) > 0 {
			w.t.Errorf("%s of %s also has %s: %v", what, a.path(), other.path(), got)
		}
	}
}

func TestAnnouncedRequiredAttributesAreEnforced(t *testing.T) {
	w := newAnnouncedService(t)
	w.each(t, func(a *attribute) bool { return a.Required && a.writable() }, func(rt *resourceType, a *attribute) {
		seed := w.seed()
		url := w.create(rt, w.fullBody(rt, seed))
		refused := func(body map[string]any) {
			for what, r := range map[string]*reply{
				"POST": w.do("POST", rt.Endpoint, toJSON(body)),
				"PUT":  w.do("PUT", url, toJSON(body)),
			} {
				w.checkNamesAttribute(r.refuses(400, "invalidValue"), what, a)
			}
		}
		for _, nothing := range []any{nil, "", []any{}} {
			refused(w.setValue(w.fullBody(rt, seed+4), a, nothing, seed))
			w.patch(url, "replace", "", w.setValue(map[string]any{}, a, nothing, seed)).answers(400)
		}
		refused(a.removeFrom(w.fullBody(rt, seed+4)))
		w.checkNamesAttribute(w.patch(url, "remove", a.path(), nil).refuses(400, "mutability"), "PATCH", a) // RFC 7644 section 3.5.2.2
	})
}

func TestOptionalAttributesMayBeLeftOut(t *testing.T) {
	w := newAnnouncedService(t)
	w.each(t, func(a *attribute) bool { return !a.Required && a.writable() }, func(rt *resourceType, a *attribute) {
		w.create(rt, a.removeFrom(w.fullBody(rt, w.seed())))
	})
}

// removeFrom removes all values of the attribute from a body.
func (a *attribute) removeFrom(body map[string]any) map[string]any {
	holders := []any{body}
	if a.parent != nil {
		holders = a.parent.valuesIn(body)
	}
	for _, holder := range holders {
		o, _ := holder.(map[string]any)
		delete(o, a.Name)
	}
	return body
}

// checkNamesAttribute fails unless the detail of an error names the attribute. An index in the path does not
// matter.
func (w *announcedService) checkNamesAttribute(r *reply, what string, a *attribute) {
	w.t.Helper()
	if detail := strings.ReplaceAll(r.text("detail"), "[0]", ""); !strings.Contains(" "+detail, " "+a.path()+" ") {
		w.t.Errorf("%s: %q does not name %s", what, detail, a.path())
	}
}

// wrongValues returns values that are not of the announced type.
func (w *announcedService) wrongValues(a *attribute, seed int) []any {
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

// A password of a wrong type is accepted, because it is ignored.
func TestAnnouncedTypesAreEnforced(t *testing.T) {
	w := newAnnouncedService(t)
	w.each(t, func(a *attribute) bool { return a.writable() && a.Mutability != "writeOnly" }, func(rt *resourceType, a *attribute) {
		seed := w.seed()
		url := w.create(rt, w.minimalBody(rt, seed))
		for _, v := range w.wrongValues(a, seed) {
			body := toJSON(w.setValue(w.minimalBody(rt, seed+4), a, v, seed))
			for what, r := range map[string]*reply{"POST": w.do("POST", rt.Endpoint, body), "PUT": w.do("PUT", url, body)} {
				w.checkNamesAttribute(r.refuses(400, "invalidValue"), fmt.Sprint(what, " of ", v), a)
			}
			if a.changeable() {
				w.checkNamesAttribute(w.patch(url, "replace", a.path(), v).refuses(400, "invalidValue"), fmt.Sprint("PATCH of ", v), a)
			}
		}
		w.do("GET", url, "").answers(200).sends("ETag", w.do("PUT", url, toJSON(w.minimalBody(rt, seed))).header.Get("ETag"))
	})
}
