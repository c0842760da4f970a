package pages

import (
	"net/url"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// navItem is a link of the navigation.
type navItem struct {
	Address, Text string
	// Current is the value of aria-current: "page" for the page itself, "true" for one below it, "" for any other.
	Current string
}

// directoryAddress returns the address of a page of a directory.
func directoryAddress(namespace, page string) string {
	return "/directories/" + url.PathEscape(namespace) + "/" + page
}

// navigation returns the links to the pages of the directory; nil outside one.
func (r *request) navigation() (items []navItem) {
	namespace := r.namespace()
	if namespace == "" || r.Session == nil {
		return nil
	}
	pages := []string{"", "users", "groups", "access", "approvals", "log", "settings"}
	for _, page := range pages {
		if page == "access" && !r.hasAccess() {
			continue
		}
		address := directoryAddress(namespace, page)
		items = append(items, navItem{address, text("nav." + page), currentAt(r.URL.Path, address, page == "")})
		if led := ledTo(r.URL.Path, directoryAddress(namespace, "")); led != "" && led == page {
			items[len(items)-1].Current = "true"
		}
	}
	return items
}

// leading are the pages of the navigation that lead to others, by the first part of the path of these.
var leading = map[string]string{"review": "access", "switch": "settings", "new-credential": "settings", "credentials": "settings"}

// ledTo returns the page of the navigation that leads to a path below a directory, if the page has another name; "" otherwise.
func ledTo(path, directory string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, directory), "/")
	return leading[first]
}

// currentAt returns the value of aria-current of a link at a path. Each page is below the overview, so exact says that only the
// page itself counts.
func currentAt(path, address string, exact bool) string {
	switch {
	case path == address:
		return "page"
	case !exact && strings.HasPrefix(path, address+"/"):
		return "true"
	}
	return ""
}

// hasAccess reports whether the API server knows access assignments. The manifests install their kind always, and the console in the
// cluster takes it for granted, because it asks for no kinds. Whether the operator carries them out is what their conditions say.
func (r *request) hasAccess() bool {
	_, err := r.Client.RESTMapper().RESTMapping(v1alpha1.GroupVersion.WithKind("CloudSSOAccessAssignment").GroupKind(), v1alpha1.GroupVersion.Version)
	return !meta.IsNoMatchError(err)
}
