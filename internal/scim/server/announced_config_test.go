package server_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/cloudsso/cloudsso-operator/internal/scim/server"
)

const discoveryURN = "urn:ietf:params:scim:schemas:core:2.0:"

// Each resource of discovery has the same representation at its id, at its location, and in the list.
func TestAnnouncedResourcesOfDiscovery(t *testing.T) {
	w := newAnnouncedService(t)
	for path, kind := range map[string]string{"/Schemas": "Schema", "/ResourceTypes": "ResourceType"} {
		all := w.do("GET", path, "").answers(200).has("schemas.0", "urn:ietf:params:scim:api:messages:2.0:ListResponse").has("startIndex", 1)
		resources := list(all.at("Resources"))
		all.has("totalResults", float64(len(resources))).has("itemsPerPage", float64(len(resources)))
		for _, resource := range resources {
			id := fmt.Sprint(valueAt(resource, "id"))
			location := fmt.Sprint(valueAt(resource, "meta.location"))
			for _, one := range []string{path + "/" + id, path + "/" + url.PathEscape(id), strings.TrimPrefix(location, base)} {
				r := w.do("GET", one, "", "Authorization: ").answers(200)
				r.has("schemas.0", discoveryURN+kind).has("meta.resourceType", kind).has("meta.location", location)
				if toJSON(r.body) != toJSON(resource) {
					t.Errorf("%s is %s, in the list %s", one, r.raw, toJSON(resource))
				}
			}
			w.do("GET", path+"/"+id+"?filter=id%20pr", "").answers(200).has("id", id)
		}
		w.do("GET", path+"?filter=id%20pr", "").refuses(403, "") // RFC 7644 section 4
		w.do("GET", path+"/nothing", "").refuses(404, "", "nothing")
	}
	r := w.do("GET", "/ServiceProviderConfig", "").answers(200).has("schemas.0", discoveryURN+"ServiceProviderConfig").has("meta.resourceType", "ServiceProviderConfig")
	w.do("GET", strings.TrimPrefix(r.text("meta.location"), base), "").answers(200)
	w.do("GET", "/ServiceProviderConfig?filter=id%20pr", "").answers(200).has("patch.supported", true) // one object, not a list
}

// All announced characteristics have values of RFC 7643 section 7 and fit together.
func TestAnnouncedCharacteristics(t *testing.T) {
	w := newAnnouncedService(t)
	among := func(word, words string) bool { return slices.Contains(strings.Fields(words), word) }
	w.each(t, anyAttribute, func(rt *resourceType, a *attribute) {
		switch {
		case !among(a.Type, "string boolean decimal integer dateTime binary reference complex"),
			!among(a.Mutability, "readOnly readWrite immutable writeOnly"),
			!among(a.Returned, "always never default request"),
			a.Uniqueness != "" && !among(a.Uniqueness, "none server global"):
			w.t.Errorf("%+v", a)
		case (a.Type == "complex") != (len(a.SubAttributes) > 0):
			w.t.Errorf("the type is %s, with %d sub-attributes", a.Type, len(a.SubAttributes))
		case a.Type != "complex" && a.MultiValued && a.parent == nil:
			w.t.Error("it is multi-valued and not complex, so that its values have no type and no primary")
		case a.Mutability == "writeOnly" && a.Returned != "never":
			w.t.Error("it is writeOnly, and returned")
		case slices.ContainsFunc(rt.all, func(b *attribute) bool { return a != b && a.parent == b.parent && strings.EqualFold(a.Name, b.Name) }):
			w.t.Error("two attributes have that name")
		}
	})
	w.each(t, func(a *attribute) bool { return a.Name == "$ref" }, func(_ *resourceType, a *attribute) {
		if a.Type != "reference" || w.referenced(a.parent) == nil {
			w.t.Errorf("it is a %s to %q", a.Type, a.ReferenceTypes)
		}
	})
}

func TestAnnouncedEndpointsAnswer(t *testing.T) {
	w := newAnnouncedService(t)
	for _, rt := range w.types {
		subject := w.subject(rt)
		w.do("GET", rt.Endpoint, "").answers(200)
		w.do("HEAD", rt.Endpoint, "").answers(200)
		w.do("POST", rt.Endpoint+"/.search", "{}").answers(200)
		w.do("GET", subject, "").answers(200).has("meta.resourceType", rt.Name)
		w.do("GET", "/?filter="+url.QueryEscape(`meta.resourceType eq "`+rt.Name+`"`), "").answers(200).has("Resources.0.meta.resourceType", rt.Name)
		w.do("DELETE", subject, "").answers(204)
		w.do("GET", subject, "").refuses(404, "")
	}
}

func TestAnnouncedAuthentication(t *testing.T) {
	w := newAnnouncedService(t)
	if len(w.config.AuthenticationSchemes) == 0 {
		t.Fatal("no authentication scheme is announced")
	}
	for _, scheme := range w.config.AuthenticationSchemes {
		if scheme.Type != "oauthbearertoken" { // the test presents no other
			t.Errorf("%s is announced", scheme.Type)
		}
	}
	for _, rt := range w.types {
		w.do("GET", rt.Endpoint, "", "Authorization: Bearer "+token).answers(200)
		r := w.do("GET", rt.Endpoint, "", "Authorization: ").refuses(401, "")
		if challenge := r.header.Get("WWW-Authenticate"); !strings.HasPrefix(challenge, "Bearer ") {
			t.Errorf("the challenge is %q", challenge)
		}
	}
}

func TestAnnouncedETags(t *testing.T) {
	w := newAnnouncedService(t)
	for _, rt := range w.types {
		url := w.subject(rt)
		r := w.do("GET", url, "").answers(200)
		if !w.config.Etag.Supported {
			r.sends("ETag", "").has("meta.version", nil)
			continue
		}
		version := r.text("meta.version")
		r.sends("ETag", version)
		w.do("GET", url, "", "If-None-Match: "+version).answers(304)
		w.do("GET", url, "", `If-None-Match: W/"other"`).answers(200)
		body := toJSON(w.fullBody(rt, w.seed()))
		patched := patchJSON(`{"op":"replace","path":"externalId","value":"changed"}`)
		for _, method := range []string{"PUT", "PATCH", "DELETE"} {
			data := map[string]string{"PUT": body, "PATCH": patched}[method]
			w.do(method, url, data, `If-Match: W/"other"`).refuses(412, "")
		}
		w.do("GET", url, "").answers(200).sends("ETag", version)
		next := w.do("PUT", url, body, "If-Match: "+version).answers(200).text("meta.version")
		w.do("PATCH", url, patched, "If-Match: "+version).refuses(412, "")
		last := w.do("PATCH", url, patched, "If-Match: "+next).answers(200).text("meta.version")
		if version == next || next == last {
			t.Errorf("%s: the version is %s, then %s, then %s", rt.Name, version, next, last)
		}
		w.do("DELETE", url, "", "If-Match: "+last).answers(204)
	}
}

func TestAnnouncedPatch(t *testing.T) {
	w := newAnnouncedService(t)
	for _, rt := range w.types {
		want := map[bool]int{true: 200, false: 501}[w.config.Patch.Supported]
		w.patch(w.subject(rt), "replace", "externalId", "changed").answers(want)
	}
}

// withPageSizes runs a check with the default page sizes, and with others.
func withPageSizes(t *testing.T, check func(w *announcedService)) {
	t.Helper()
	for name, adjust := range map[string]func(*server.Options){
		"default": func(*server.Options) {},
		"others": func(o *server.Options) {
			o.Limits = server.Limits{Count: 2, MaxCount: 3, BulkOperations: 4, BulkBody: 4 << 10}
		},
	} {
		t.Run(name, func(t *testing.T) { check(newAnnouncedService(t, adjust)) })
	}
}

// createMany creates n resources of the first type.
func (w *announcedService) createMany(n int) *resourceType {
	w.t.Helper()
	rt := w.types[0]
	for i := range n {
		w.create(rt, w.minimalBody(rt, i))
	}
	return rt
}

func TestAnnouncedPageSizes(t *testing.T) {
	withPageSizes(t, func(w *announcedService) {
		most, usual := w.config.Filter.MaxResults, w.config.Pagination.DefaultPageSize
		if most != w.config.Pagination.MaxPageSize || usual < 1 || usual > most {
			w.t.Fatalf("pages are announced of %d to %d, results of %d", usual, w.config.Pagination.MaxPageSize, most)
		}
		rt := w.createMany(most + 1)
		for query, want := range map[string]int{
			"":                                 usual,
			"count=0":                          0,
			"count=1":                          1,
			fmt.Sprint("count=", most):         most,
			fmt.Sprint("count=", most+1):       most,
			fmt.Sprint("count=", 1<<40):        most,
			fmt.Sprint("startIndex=", most+1):  1,
			fmt.Sprint("startIndex=", most+2):  0,
			"filter=id%20pr":                   usual,
			"filter=id%20pr&count=1000000":     most,
			"sortBy=meta.created&count=999999": most,
		} {
			w.do("GET", rt.Endpoint+"?attributes=id&"+query, "").answers(200).
				has("totalResults", most+1).has("itemsPerPage", want).has("Resources", want)
		}
		w.do("POST", "/.search", fmt.Sprintf(`{"count":%d}`, most+1)).answers(200).has("Resources", most)
	})
}

func TestAnnouncedPagination(t *testing.T) {
	withPageSizes(t, func(w *announcedService) {
		n := w.config.Pagination.DefaultPageSize + 1
		rt := w.createMany(n)
		r := w.do("GET", rt.Endpoint, "").answers(200)
		if by := w.config.Pagination.DefaultPaginationMethod; (by == "index") != (r.at("startIndex") != nil) || (by == "cursor") != (r.at("nextCursor") != nil) {
			w.t.Errorf("the method is announced to be %s: %.200s", by, r.raw)
		}
		if w.config.Pagination.Index {
			w.checkWalk(rt, n, func(found int, _ *reply) string { return fmt.Sprint("startIndex=", found+1) })
		}
		if w.config.Pagination.Cursor {
			w.checkWalk(rt, n, func(found int, last *reply) string {
				if found == 0 {
					return "cursor"
				}
				return "cursor=" + last.text("nextCursor")
			})
		}
	})
}

// checkWalk reads a list of n resources page by page and fails unless it sees each of them once.
func (w *announcedService) checkWalk(rt *resourceType, n int, next func(found int, last *reply) string) {
	w.t.Helper()
	seen := map[any]bool{}
	var last *reply
	for len(seen) < n {
		before := len(seen)
		last = w.do("GET", rt.Endpoint+"?attributes=id&"+next(before, last), "").answers(200).has("totalResults", n)
		for _, resource := range list(last.at("Resources")) {
			seen[valueAt(resource, "id")] = true
		}
		if page, _ := last.at("itemsPerPage").(float64); len(seen) != before+int(page) || page == 0 {
			w.t.Fatalf("after %d resources the page adds %d, with itemsPerPage %v", before, len(seen)-before, page)
		}
	}
	last.has("nextCursor", nil)
}

func TestAnnouncedBulkLimits(t *testing.T) {
	withPageSizes(t, func(w *announcedService) {
		operation := `{"method":"DELETE","path":"` + w.types[0].Endpoint + `/absent"}`
		bulk := func(n int) string { return bulkJSON(slices.Repeat([]string{operation}, n)...) }
		padded := func(size int) string {
			body := bulk(1)
			return body + strings.Repeat(" ", size-len(body))
		}
		most, size := w.config.Bulk.MaxOperations, w.config.Bulk.MaxPayloadSize
		if !w.config.Bulk.Supported {
			w.do("POST", "/Bulk", bulk(1)).answers(501)
			return
		}
		w.do("POST", "/Bulk", bulk(most)).answers(200).has("Operations", most).has("Operations.0.status", "404")
		w.do("POST", "/Bulk", bulk(most+1)).refuses(413, "", fmt.Sprint(most))
		w.do("POST", "/Bulk", padded(size)).answers(200).has("Operations", 1)
		w.do("POST", "/Bulk", padded(size+1)).refuses(413, "", fmt.Sprint(size))
	})
}

// Bulk requests support every announced resource type.
func TestAnnouncedBulkOperations(t *testing.T) {
	w := newAnnouncedService(t)
	for _, rt := range w.types {
		seed := w.seed()
		r := w.bulk("201", postOperation(rt.Endpoint, "one", toJSON(w.fullBody(rt, seed))))
		path := strings.TrimPrefix(r.text("Operations.0.location"), base)
		w.bulk("200 200 204",
			`{"method":"PUT","path":"`+path+`","data":`+toJSON(w.fullBody(rt, seed+4))+`}`,
			`{"method":"PATCH","path":"`+path+`","data":`+patchJSON(`{"op":"replace","path":"externalId","value":"changed"}`)+`}`,
			`{"method":"DELETE","path":"`+path+`"}`)
	}
}

func TestAnnouncedFilterAndSort(t *testing.T) {
	w := newAnnouncedService(t)
	want := func(supported bool) int { return map[bool]int{true: 200, false: 501}[supported] }
	for _, rt := range w.types {
		for _, endpoint := range []string{rt.Endpoint, "/"} {
			w.do("GET", endpoint+"?filter=id%20pr", "").answers(want(w.config.Filter.Supported))
			w.do("GET", endpoint+"?sortBy=id", "").answers(want(w.config.Sort.Supported))
		}
		w.do("GET", rt.Endpoint+"?sortBy=nothing", "").refuses(400, "invalidPath", "nothing")
		w.do("GET", rt.Endpoint+"?sortBy=id&sortOrder=sideways", "").refuses(400, "invalidValue", "sideways")
		w.do("GET", rt.Endpoint+"?filter=nothing%20pr", "").refuses(400, "invalidFilter", "nothing")
	}
}
