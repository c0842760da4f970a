package compact

import (
	"fmt"
	goruntime "runtime"
	"testing"
	"unsafe"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// userJSON is a user as an API server sends it, by its number and its namespace.
const userJSON = `{"apiVersion":"cloudsso.dev/v1alpha1","kind":"CloudSSOUser","metadata":{"name":"user-%[1]d-x7k2p","generateName":"user-%[1]d-",
"namespace":%[2]q,"uid":"1b4e28ba-2fa1-11d2-883f-%012[1]d","resourceVersion":"%[1]d","generation":1,"creationTimestamp":"2026-11-25T08:00:00Z",
"finalizers":["cloudsso.dev/memberships","cloudsso.dev/guard"],
"managedFields":[{"manager":"m","operation":"Update","apiVersion":"cloudsso.dev/v1alpha1","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{}}}]},
"spec":{"source":"SCIM","userName":"user-%[1]d@example.com","externalId":"00u%[1]d","active":true,"name":{"givenName":"Given %[1]d","familyName":"Family"},
"displayName":"Given %[1]d Family","emails":[{"value":"user-%[1]d@example.com","type":"work","primary":true}],
"enterprise":{"department":"Sales","manager":{"value":"26118915"}}},
"status":{"observedGeneration":1,"state":"Active","userName":"user-%[1]d@example.com","conditions":[{"type":"Ready","status":"True",
"reason":"Ready","message":"has access","lastTransitionTime":"2026-11-25T08:00:01Z","observedGeneration":1}]}}`

func decoded(t testing.TB, n int, namespace string) *v1alpha1.CloudSSOUser {
	t.Helper()
	u := &v1alpha1.CloudSSOUser{}
	if err := json.Unmarshal(fmt.Appendf(nil, userJSON, n, namespace), u); err != nil {
		t.Fatal(err)
	}
	return u
}

func transformed[T any](t testing.TB, o T) T {
	t.Helper()
	packed, err := Transform(o)
	if err != nil {
		t.Fatal(err)
	}
	return packed.(T) //nolint:errcheck,forcetypeassert // it fails the test
}

// What is left out is the managed fields; all else is as it was, however often it is done.
func TestTransformChangesNothing(t *testing.T) {
	members := []v1alpha1.Member{{Name: "alice"}, {Name: "bob"}}
	for _, o := range []runtime.Object{
		decoded(t, 1, "acme"),
		&v1alpha1.CloudSSOUser{},
		&v1alpha1.CloudSSOGroup{ObjectMeta: metav1.ObjectMeta{Name: "g"}, Spec: v1alpha1.CloudSSOGroupSpec{DisplayName: "Engineering", Members: members}},
		&v1alpha1.CloudSSOMembershipSlice{Spec: v1alpha1.CloudSSOMembershipSliceSpec{Group: "g", Members: members}},
		&v1alpha1.CloudSSODirectory{ObjectMeta: metav1.ObjectMeta{Name: "default", ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "m"}}}},
	} {
		want := o.DeepCopyObject()
		want.(metav1.Object).SetManagedFields(nil) //nolint:errcheck,forcetypeassert // it fails the test
		once := transformed(t, o)
		if !equality.Semantic.DeepEqual(once, want) {
			t.Errorf("is now %+v, was %+v", once, want)
		}
		if twice := transformed(t, once); !equality.Semantic.DeepEqual(twice, want) {
			t.Errorf("done again it is %+v, was %+v", twice, want)
		}
	}
}

func TestWordsAreShared(t *testing.T) {
	a, b := transformed(t, decoded(t, 1, "acme")), transformed(t, decoded(t, 2, "acme"))
	if a.Spec.Active != b.Spec.Active || unsafe.SliceData(a.Finalizers) != unsafe.SliceData(b.Finalizers) {
		t.Error("each has finalizers, or a boolean, of its own")
	}
	for what, pair := range map[string][2]string{
		"namespace": {a.Namespace, b.Namespace},
		"finalizer": {a.Finalizers[1], b.Finalizers[1]},
		"source":    {string(a.Spec.Source), string(b.Spec.Source)},
		"message":   {a.Status.Conditions[0].Message, b.Status.Conditions[0].Message},
		"type":      {a.Spec.Emails[0].Type, b.Spec.Emails[0].Type},
		"a user's":  {a.Spec.UserName, a.Spec.Emails[0].Value},
	} {
		if unsafe.StringData(pair[0]) != unsafe.StringData(pair[1]) {
			t.Errorf("%s: %q is there twice", what, pair[0])
		}
	}
}

// A provider that makes up words must not fill the memory with them, and they stay what they are.
func TestWordsAreBounded(t *testing.T) {
	s := shared[string]{known: map[string]string{}}
	for n := range 2 * mostWords {
		if word := fmt.Sprint(n); s.one(word, word) != word {
			t.Fatalf("%s has become %s", word, s.one(word, word))
		}
	}
	if len(s.known) != mostWords {
		t.Errorf("%d words, want %d", len(s.known), mostWords)
	}
}

// A string of a member stands alone: an index keeps it when the list that it came from is long gone.
func TestMembersStandAlone(t *testing.T) {
	name := "alice"
	g := transformed(t, &v1alpha1.CloudSSOGroup{Spec: v1alpha1.CloudSSOGroupSpec{DisplayName: "alice's", Members: []v1alpha1.Member{{Name: name}}}})
	if unsafe.StringData(g.Spec.Members[0].Name) != unsafe.StringData(name) {
		t.Error("its name is part of the group's text")
	}
}

// A user takes four fifths of what its decoding leaves.
func TestTransformSavesMemory(t *testing.T) {
	const users, most = 2000, 0.85
	asDecoded := sizeOf(users, func(n int) any { return decoded(t, n, "acme") })
	packed := sizeOf(users, func(n int) any { return transformed(t, decoded(t, n, "acme")) })
	t.Logf("%d bytes decoded, %d packed", asDecoded/users, packed/users)
	if ratio := float64(packed) / float64(asDecoded); ratio > most {
		t.Errorf("%.2f of it are left, want %.2f", ratio, most)
	}
}

// sizeOf is what that many objects hold, in bytes.
func sizeOf(count int, object func(int) any) uint64 {
	all := make([]any, count)
	var before, after goruntime.MemStats
	goruntime.GC()
	goruntime.ReadMemStats(&before)
	for i := range all {
		all[i] = object(i)
	}
	goruntime.GC()
	goruntime.ReadMemStats(&after)
	goruntime.KeepAlive(all)
	return after.HeapAlloc - before.HeapAlloc
}

func BenchmarkTransform(b *testing.B) {
	u := decoded(b, 1, "acme")
	b.ReportAllocs()
	for b.Loop() {
		transformed(b, u)
	}
}
