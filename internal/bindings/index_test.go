package bindings

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/internal/jsonpatch"
)

var pods = types.NamespacedName{Namespace: acme, Name: "pods"}

// bound returns the entry of a binding of the group developers; target "" is the cluster.
func bound(target string, number int, version string, names ...string) *entry {
	meta := metav1.ObjectMeta{Namespace: target, Name: access.BindingName(pods.Namespace, pods.Name, number), ResourceVersion: version}
	access.Origin{Directory: pods.Namespace, Assignment: pods.Name, Kind: v1alpha1.PrincipalGroup, Principal: "developers"}.Write(&meta)
	if target == "" {
		return newEntry(newObject(&rbacv1.ClusterRoleBinding{ObjectMeta: meta, Subjects: access.Subjects(names)}))
	}
	return newEntry(newObject(&rbacv1.RoleBinding{ObjectMeta: meta, Subjects: access.Subjects(names)}))
}

func TestNameOfABindingSaysWhatItIs(t *testing.T) {
	for name, want := range map[string]bool{
		"cloudsso:acme:pods:0": true, "cloudsso:acme:pods:12": true,
		"cloudsso:acme:pods:01": false, "cloudsso:acme:pods:-1": false, "cloudsso:acme:pods": false, "cloudsso:acme:pods:0:0": false,
		"other:acme:pods:0": false, "view": false,
	} {
		e := newEntry(newObject(&rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "prod", Name: name}}))
		if (e != nil) != want || e != nil && e.assignment() != pods {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if newObject(&v1alpha1.CloudSSOUser{}) != nil || newEntry(nil) != nil {
		t.Error("a user is no binding")
	}
}

func TestBindingIsFound(t *testing.T) {
	x := newIndex()
	first, second, cluster := bound("prod", 0, "1", "alice", "bob"), bound("prod", 3, "2", "bob", "bob"), bound("", 0, "3", "alice")
	for _, e := range []*entry{first, second, cluster} {
		x.set(e)
	}
	holding := func(name string) int { return len(x.holding(subjectKey{acme, name})) }
	developers := principalKey{acme, v1alpha1.PrincipalGroup, "developers"}
	if holding("alice") != 2 || holding("bob") != 2 || holding("carol") != 0 || len(x.through(developers)) != 3 {
		t.Errorf("alice %d, bob %d, carol %d, developers %d", holding("alice"), holding("bob"), holding("carol"), len(x.through(developers)))
	}
	if got := x.targets(pods); !slices.Equal(got, []string{"", "prod"}) {
		t.Errorf("targets: %q", got)
	}
	x.set(bound("prod", 0, "4", "carol"))
	if holding("alice") != 1 || holding("carol") != 1 || x.get(first.key).object.GetResourceVersion() != "4" {
		t.Error("a changed binding is found as it was before")
	}
	if x.number(pods, "prod", 3) != second || x.number(pods, "prod", 1) != nil || x.number(pods, "dev", 0) != nil {
		t.Error("a number is not found, or one that does not exist is")
	}
	for _, e := range []*entry{first, second, cluster, second} {
		x.remove(e.key)
	}
	if len(x.objects)+len(x.byAssignment)+len(x.bySubject)+len(x.byPrincipal) > 0 || len(x.assignments()) > 0 {
		t.Errorf("left: %+v", x)
	}
}

func TestViewDoesNotChange(t *testing.T) {
	x := newIndex()
	x.set(bound("prod", 2, "1", "alice", "bob"))
	x.set(bound("prod", 0, "2", "bob", "bob"))
	v := x.view(pods, "prod")
	x.set(bound("prod", 2, "3"))
	x.remove(bound("prod", 0, "").key)
	if !slices.Equal(v.Numbers(), []int{0, 2}) {
		t.Errorf("numbers %v", v.Numbers())
	}
	for range maxScans + 1 { // by both ways of looking
		if !slices.Equal(v.Holding("bob"), []int{0, 2}) || !slices.Equal(v.Holding("alice"), []int{2}) || v.Holding("carol") != nil {
			t.Errorf("bob in %v, alice in %v, carol in %v", v.Holding("bob"), v.Holding("alice"), v.Holding("carol"))
		}
	}
	if !slices.Equal(v.Subjects(2), []string{"alice", "bob"}) || v.Subjects(1) != nil || v.ResourceVersion(2) != "1" || v.ResourceVersion(1) != "" {
		t.Errorf("subjects %q, version %q", v.Subjects(2), v.ResourceVersion(2))
	}
	if empty := x.view(pods, "dev"); len(empty.Numbers()) > 0 || empty.Holding("alice") != nil {
		t.Error("a target without bindings has some")
	}
}

func TestChangeOfTheIndexIsAwaited(t *testing.T) {
	x := newIndex()
	ctx, cancel := context.WithCancel(t.Context())
	shown := make(chan error)
	go func() {
		shown <- x.wait(t.Context(), func() bool { return len(x.holding(subjectKey{acme, "bob"})) > 0 })
	}()
	x.set(bound("prod", 0, "1", "alice"))
	x.set(bound("prod", 1, "2", "bob"))
	if err := <-shown; err != nil {
		t.Error(err)
	}
	cancel()
	if err := x.wait(ctx, func() bool { return false }); err == nil {
		t.Error("the wait goes on after its context")
	}
}

func TestMemory(t *testing.T) {
	c := newClock()
	m := newMemory(c.Now, time.Minute)
	e := bound("prod", 0, "1", "alice", "bob")
	alice := subjectKey{acme, "alice"}
	m.addUser(userKey(acme, "alice-1"), []string{"alice"})
	if !m.knows(e, "alice") || m.knows(e, "bob") || !m.isUserKnown(userKey(acme, "alice-1")) || m.isUserKnown(userKey("globex", "alice-1")) {
		t.Error("alice alone is remembered")
	}
	c.advance(10 * time.Millisecond)
	if took, first := m.finishName(alice); took != 10*time.Millisecond || !first {
		t.Errorf("took %s, first %t", took, first)
	}
	if _, first := m.finishName(alice); first {
		t.Error("one revocation is measured twice")
	}
	if _, first := m.finishName(subjectKey{acme, "bob"}); first {
		t.Error("what is not remembered is measured")
	}
	c.advance(30 * time.Second)
	if !m.addNames(userKey(acme, "alice-1"), []string{"alicia"}) || m.addNames(userKey(acme, "bob-1"), []string{"bob"}) {
		t.Error("names are added for the users that are remembered")
	}
	m.addPrincipal(e.principal())
	if !m.knows(e, "bob") || !m.isPrincipalKnown(e.principal()) {
		t.Error("the group is not remembered")
	}
	c.advance(30 * time.Second)
	if names, principals := m.forget(c.Now()); len(names) != 0 || len(principals) != 1 || m.isUserKnown(userKey(acme, "alice-1")) {
		t.Errorf("after a minute: %v, %v", names, principals)
	}
	m.prolongPrincipal(e.principal())
	c.advance(30 * time.Second)
	if _, principals := m.forget(c.Now()); len(principals) != 1 {
		t.Error("what is prolonged is forgotten")
	}
	if took, first := m.finishPrincipal(e.principal()); took < time.Minute || !first {
		t.Errorf("took %s, first %t", took, first)
	}
	c.advance(time.Minute)
	if _, principals := m.forget(c.Now()); len(principals)+len(m.names)+len(m.users) > 0 {
		t.Error("a group is not forgotten")
	}
}

// newRevokingTest returns Bindings without a cluster, which know the binding e of alice and bob.
func newRevokingTest(t *testing.T) (b *Bindings, c *clock, e *entry) {
	t.Helper()
	c = newClock()
	m, err := newMetrics(nil)
	if err != nil {
		t.Fatal(err)
	}
	b = &Bindings{
		Config: Config{Now: c.Now}, directories: newDirectories(c.Now, time.Minute), index: newIndex(), metrics: m,
		memory: newMemory(c.Now, time.Minute), queue: newQueueTest(t),
	}
	e = bound("prod", 0, "1", "alice", "bob")
	b.index.set(e)
	return b, c, e
}

func TestRevocationThatIsNotCarriedOutIsNotForgotten(t *testing.T) {
	b, c, e := newRevokingTest(t)
	b.memory.addUser(userKey(acme, "alice-1"), []string{"alice"})
	for range 3 {
		c.advance(time.Minute)
		b.requeueRemembered()
		if !b.memory.knows(e, "alice") {
			t.Fatal("a binding has the subject, and the revocation is forgotten")
		}
	}
	b.RevokeGroup(acme, "developers")
	c.advance(time.Minute)
	if b.requeueRemembered(); !b.memory.isPrincipalKnown(e.principal()) {
		t.Error("the group has subjects, and the revocation is forgotten")
	}
	b.index.remove(e.key)
	c.advance(time.Minute)
	if b.requeueRemembered(); b.memory.knows(e, "alice") || b.memory.isPrincipalKnown(e.principal()) {
		t.Error("no subject is left, and the revocations are remembered")
	}
}

func TestTimeOfTheOldestUnfinishedRevocationIsShown(t *testing.T) {
	b, c, e := newRevokingTest(t)
	began := c.Now()
	second := bound("test", 0, "1", "bob")
	acknowledge := func(name string) { b.memory.addUser(userKey(acme, name+"-1"), []string{name}) }
	for i, step := range []struct {
		do   func()
		want float64
	}{
		{func() {}, 0},
		{func() { acknowledge("alice") }, unix(began.Add(2 * time.Second))},
		{func() { acknowledge("alice") }, unix(began.Add(2 * time.Second))},
		{func() { acknowledge("bob"); b.index.set(second) }, unix(began.Add(2 * time.Second))},
		{func() { b.index.remove(e.key) }, unix(began.Add(4 * time.Second))},
		{func() { b.index.remove(second.key) }, 0},
		{func() { b.index.set(e); b.memory.forget(c.Now().Add(time.Hour)) }, 0},
		{func() { b.memory.addPrincipal(e.principal()) }, unix(began.Add(8 * time.Second))},
		{func() { b.index.remove(e.key) }, 0},
	} {
		c.advance(time.Second)
		step.do()
		b.requeueRemembered()
		if got := testutil.ToFloat64(b.metrics.oldest); got != step.want {
			t.Errorf("step %d: %.0f s after the begin, want %.0f", i, got-unix(began), step.want-unix(began))
		}
	}
}

func unix(t time.Time) float64 { return float64(t.Unix()) }

func TestRemovalTestsWhatItRemoves(t *testing.T) {
	e := bound("prod", 0, "1", "alice", "bob", "alice")
	e.object.SetUID("u")
	e.object.Subjects = append(e.object.Subjects, rbacv1.Subject{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: "alice"})
	got, left := removal(e.object, []string{"alice"})
	want := jsonpatch.Patch{}.Test("/metadata/uid", types.UID("u")).
		Test("/subjects/2/name", "alice").Test("/subjects/2/kind", "User").Remove("/subjects/2").
		Test("/subjects/0/name", "alice").Test("/subjects/0/kind", "User").Remove("/subjects/0")
	gotData, _ := got.Data(nil)
	if wantData, _ := want.Data(nil); string(gotData) != string(wantData) || left != 2 {
		t.Errorf("%d left:\n%s\nwant\n%s", left, gotData, wantData)
	}
}

func TestSelectorOfAShard(t *testing.T) {
	for _, c := range []struct {
		namespaces []string
		want       string
	}{
		{nil, "cloudsso.dev/assignment"},
		{[]string{"globex", "acme"}, "cloudsso.dev/assignment,cloudsso.dev/directory in (acme,globex)"},
	} {
		if got, err := Selector(c.namespaces); err != nil || got.String() != c.want {
			t.Errorf("%s, %v", got, err)
		}
	}
}
