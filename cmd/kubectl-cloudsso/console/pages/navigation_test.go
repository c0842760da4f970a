package pages

import "testing"

func TestCurrentAt(t *testing.T) {
	overview, users := directoryAddress("acme", ""), directoryAddress("acme", "users")
	for _, test := range []struct {
		path, address string
		exact         bool
		want          string
	}{
		{overview, overview, true, "page"},
		{users, overview, true, ""},
		{users, users, false, "page"},
		{users + "/ada", users, false, "true"},
		{users + "-of-others", users, false, ""},
		{overview, users, false, ""},
	} {
		if got := currentAt(test.path, test.address, test.exact); got != test.want {
			t.Errorf("at %s the link to %s is %q, want %q", test.path, test.address, got, test.want)
		}
	}
}

func TestPagesThatNoLinkIsNamedAfter(t *testing.T) {
	for page, want := range map[string]string{
		"": "", "users": "", "review": "access", "credentials/okta/rotate": "settings", "switch": "settings", "new-credential": "settings", "users/review": "",
	} {
		if got := ledTo(directoryAddress("acme", page), directoryAddress("acme", "")); got != want {
			t.Errorf("the link to %q leads to %q, want %q", got, page, want)
		}
	}
}

func TestDirectoryAddressEscapesTheNamespace(t *testing.T) {
	if got, want := directoryAddress("a/../b", "users"), "/directories/a%2F..%2Fb/users"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRightsSayWhereTheyAreNeeded(t *testing.T) {
	for want, r := range map[string]right{
		"patch cloudssodirectories.cloudsso.dev":         rightTo("patch", "cloudssodirectories"),
		"get pods/log -n cloudsso-system":                {Verb: "get", Resource: "pods", Sub: "log", Namespace: "cloudsso-system"},
		"list rolebindings.rbac.authorization.k8s.io -A": {Verb: "list", Resource: "rolebindings", Group: "rbac.authorization.k8s.io", Namespace: everywhere},
	} {
		if got := r.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := (right{Namespace: everywhere}).namespaceIn("acme"); got != "" {
		t.Errorf("everywhere is namespace %q", got)
	}
	if got := (right{}).namespaceIn("acme"); got != "acme" {
		t.Errorf("the directory's namespace is %q", got)
	}
}
