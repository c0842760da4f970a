package jsonpatch_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/jsonpatch"
)

// operations returns the operations of an encoded patch.
func operations(t *testing.T, p jsonpatch.Patch) []string {
	t.Helper()
	data, err := p.Data(nil)
	if err != nil {
		t.Fatal(err)
	}
	if p.Type() != types.JSONPatchType {
		t.Errorf("the type is %s", p.Type())
	}
	var all []json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	var ops []string
	for _, op := range all {
		ops = append(ops, string(op))
	}
	return ops
}

func TestOperationsAreEncodedInOrder(t *testing.T) {
	u := &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{UID: "u-1", Generation: 7, ResourceVersion: "42"}}
	got := operations(t, jsonpatch.Patch{}.
		TestUID(u).TestGeneration(u).TestRevision(u).Test("/spec/title", "").
		Add("/spec/active", false).Add("/spec/count", 0).Replace("/spec/members", []v1alpha1.Member{}).Remove("/spec/name"))
	want := []string{
		`{"op":"test","path":"/metadata/uid","value":"u-1"}`,
		`{"op":"test","path":"/metadata/generation","value":7}`,
		`{"op":"test","path":"/metadata/resourceVersion","value":"42"}`,
		`{"op":"test","path":"/spec/title","value":""}`,
		`{"op":"add","path":"/spec/active","value":false}`,
		`{"op":"add","path":"/spec/count","value":0}`,
		`{"op":"replace","path":"/spec/members","value":[]}`,
		`{"op":"remove","path":"/spec/name"}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s\nwant %s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestValueThatIsNoJSONIsAnError(t *testing.T) {
	if _, err := (jsonpatch.Patch{}).Add("/spec", func() {}).Data(nil); err == nil {
		t.Error("a function is encoded")
	}
}

func TestAnnotationsBecomeThoseOfTheNextObject(t *testing.T) {
	type annotations = map[string]string
	const revision = `{"op":"test","path":"/metadata/resourceVersion","value":"42"}`
	for _, test := range []struct {
		name          string
		current, next annotations
		want          []string
	}{
		{"none at all", nil, nil, nil},
		{"none that changes", annotations{"a": "1"}, annotations{"a": "1"}, nil},
		{"the first are written whole", nil, annotations{"a/b": "1", "c": ""}, []string{revision, `{"op":"add","path":"/metadata/annotations","value":{"a/b":"1","c":""}}`}},
		{"an empty map counts as none", annotations{}, annotations{"a": "1"}, []string{revision, `{"op":"add","path":"/metadata/annotations","value":{"a":"1"}}`}},
		{"one more", annotations{"a": "1"}, annotations{"a": "1", "x.dev/b": "2"}, []string{`{"op":"add","path":"/metadata/annotations/x.dev~1b","value":"2"}`}},
		{"one more whose key is escaped", annotations{"a": "1"}, annotations{"a": "1", "~1/b": "2"}, []string{`{"op":"add","path":"/metadata/annotations/~01~1b","value":"2"}`}},
		{"one more that is empty", annotations{"a": "1"}, annotations{"a": "1", "b": ""}, []string{`{"op":"add","path":"/metadata/annotations/b","value":""}`}},
		{"another value", annotations{"a": "1", "b": "1"}, annotations{"a": "2", "b": "1"}, []string{`{"op":"add","path":"/metadata/annotations/a","value":"2"}`}},
		{"a removal is tested first", annotations{"a": "1", "b": "1"}, annotations{"b": "1"}, []string{
			`{"op":"test","path":"/metadata/annotations/a","value":"1"}`,
			`{"op":"remove","path":"/metadata/annotations/a"}`,
		}},
		{"the last one is removed", annotations{"a": ""}, nil, []string{
			`{"op":"test","path":"/metadata/annotations/a","value":""}`,
			`{"op":"remove","path":"/metadata/annotations/a"}`,
		}},
		{"a change and a removal", annotations{"a": "1", "b": "1"}, annotations{"a": "2"}, []string{
			`{"op":"add","path":"/metadata/annotations/a","value":"2"}`,
			`{"op":"test","path":"/metadata/annotations/b","value":"1"}`,
			`{"op":"remove","path":"/metadata/annotations/b"}`,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			current, next := &v1alpha1.CloudSSOUser{}, &v1alpha1.CloudSSOUser{}
			current.ResourceVersion, current.Annotations, next.Annotations = "42", test.current, test.next
			got := operations(t, jsonpatch.Patch{}.Remove("/first").Annotations(current, next))
			if want := append([]string{`{"op":"remove","path":"/first"}`}, test.want...); !slices.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

func TestFinalizersAreRemovedFromWhatWasRead(t *testing.T) {
	u := &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Finalizers: []string{"a", "b", "c"}}}
	got := operations(t, jsonpatch.Patch{}.RemoveFinalizers(u, "c", "a", "unknown"))
	want := []string{
		`{"op":"test","path":"/metadata/finalizers","value":["a","b","c"]}`,
		`{"op":"replace","path":"/metadata/finalizers","value":["b"]}`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestFailedTellsATestFromAnInvalidObject(t *testing.T) {
	users := schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: "cloudssousers"}
	kind := schema.GroupKind{Group: v1alpha1.GroupVersion.Group, Kind: "CloudSSOUser"}
	invalid := func(problems ...*field.Error) error { return apierrors.NewInvalid(kind, "alice", problems) }
	// The API server's answer to a patch that it cannot apply.
	failedOn := func(resource schema.GroupResource) error {
		return apierrors.NewGenericServerResponse(http.StatusUnprocessableEntity, "", resource, "", "testing value /metadata/uid failed", 0, true)
	}
	failed := failedOn(schema.GroupResource{})
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"no error":                          {nil, false},
		"another error":                     {errors.New("unreachable"), false},
		"a failed test":                     {failed, true},
		"a failed test that names the kind": {failedOn(users), true},
		"a failed test, wrapped":            {fmt.Errorf("writing alice: %w", failed), true},
		"a 422 without details":             {&apierrors.StatusError{ErrStatus: metav1.Status{Code: 422, Reason: metav1.StatusReasonInvalid}}, false},
		"an invalid field":                  {invalid(field.Required(field.NewPath("spec", "userName"), "")), false},
		"several invalid fields":            {invalid(field.Required(field.NewPath("spec"), ""), field.Required(field.NewPath("spec", "userName"), "")), false},
		"a conflict":                        {apierrors.NewConflict(users, "alice", errors.New("changed")), false},
		"an object that does not exist":     {apierrors.NewNotFound(users, "alice"), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := jsonpatch.Failed(test.err); got != test.want {
				t.Errorf("%t", got)
			}
		})
	}
}
