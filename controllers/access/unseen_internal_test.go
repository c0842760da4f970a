package access

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

func userAt(namespace, name, version string) client.Object {
	return &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, ResourceVersion: version}}
}

func groupAt(namespace, name, version string) client.Object {
	return &v1alpha1.CloudSSOGroup{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, ResourceVersion: version}}
}

// versions returns objects as text, sorted.
func versions(all objects) []string {
	var text []string
	for key, o := range all {
		text = append(text, string(key.kind)+" "+key.namespace+"/"+key.name+" "+o.GetResourceVersion())
	}
	return slices.Sorted(slices.Values(text))
}

func TestWorkKeepsTheNewestVersionOfEachObject(t *testing.T) {
	for name, c := range map[string]struct {
		noted []client.Object
		want  []string
	}{
		"one object twice":         {[]client.Object{groupAt("a", "dev", "9"), groupAt("a", "dev", "10")}, []string{"CloudSSOGroup a/dev 10"}},
		"an older version later":   {[]client.Object{groupAt("a", "dev", "10"), groupAt("a", "dev", "9")}, []string{"CloudSSOGroup a/dev 10"}},
		"two kinds of one name":    {[]client.Object{groupAt("a", "dev", "1"), userAt("a", "dev", "2")}, []string{"CloudSSOGroup a/dev 1", "CloudSSOUser a/dev 2"}},
		"two namespaces":           {[]client.Object{userAt("a", "ada", "1"), userAt("b", "ada", "2")}, []string{"CloudSSOUser a/ada 1", "CloudSSOUser b/ada 2"}},
		"two objects of one sort":  {[]client.Object{userAt("a", "ada", "1"), userAt("a", "bob", "2")}, []string{"CloudSSOUser a/ada 1", "CloudSSOUser a/bob 2"}},
		"no resourceVersion known": {[]client.Object{userAt("a", "ada", "1"), userAt("a", "ada", "")}, []string{"CloudSSOUser a/ada "}},
	} {
		t.Run(name, func(t *testing.T) {
			var w work
			for _, o := range c.noted {
				w.add(work{unseen: objectsOf(o)})
			}
			if got := versions(w.unseen); !slices.Equal(got, c.want) {
				t.Errorf("the work has %q, want %q", got, c.want)
			}
		})
	}
}

func TestNewestIsOfEachNamespace(t *testing.T) {
	var n newest
	n.set(nil)
	if got := n.in("a"); len(got) > 0 {
		t.Errorf("namespace a has %q before any event", versions(got))
	}
	for _, o := range []client.Object{groupAt("a", "dev", "1"), userAt("a", "ada", "2"), groupAt("b", "ops", "3"), groupAt("a", "qa", "4"), userAt("b", "bob", "5")} {
		n.set(o)
	}
	if got, want := versions(n.in("a")), []string{"CloudSSOGroup a/qa 4", "CloudSSOUser a/ada 2"}; !slices.Equal(got, want) {
		t.Errorf("the newest of namespace a are %q, want %q", got, want)
	}
	n.forget("a")
	if got := n.in("a"); len(got) > 0 {
		t.Errorf("namespace a has %q after it is gone", versions(got))
	}
	if got, want := slices.Collect(maps.Keys(n.byNamespace)), []string{"b"}; !slices.Equal(got, want) {
		t.Errorf("namespaces %q are remembered, want %q", got, want)
	}
}

// after returns objects of which an index has been looked at for a number of times.
func after(looks int, all ...client.Object) objects {
	v := objectsOf(all...)
	for range looks {
		v.count()
	}
	return v
}

func TestLooksAreThoseOfEachVersion(t *testing.T) {
	for name, c := range map[string]struct {
		had, gets objects
		isAwaited bool
	}{
		"a new version":                           {nil, after(0, groupAt("a", "dev", "1")), true},
		"a version just before the last look":     {nil, after(maxLooks-1, groupAt("a", "dev", "1")), true},
		"a version after the last look":           {nil, after(maxLooks, groupAt("a", "dev", "1")), false},
		"that version again":                      {after(maxLooks, groupAt("a", "dev", "1")), after(0, groupAt("a", "dev", "1")), false},
		"a newer version of that object":          {after(maxLooks, groupAt("a", "dev", "1")), after(0, groupAt("a", "dev", "2")), true},
		"an older version of that object":         {after(maxLooks, groupAt("a", "dev", "2")), after(0, groupAt("a", "dev", "1")), false},
		"another object beside one that is stuck": {after(maxLooks, groupAt("a", "dev", "1")), after(0, userAt("a", "ada", "2")), true},
	} {
		t.Run(name, func(t *testing.T) {
			w := work{unseen: c.had}
			w.add(work{unseen: c.gets})
			if got := w.unseen.areAwaited(); got != c.isAwaited {
				t.Errorf("granting waits for %q: %t, want %t", versions(w.unseen), got, c.isAwaited)
			}
		})
	}
}

// A user that the index of Kubernetes user names never shows takes no look from the others, and gets new ones when it changes.
func TestLooksAreThoseOfEachUser(t *testing.T) {
	ada := &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "ada"}, Spec: v1alpha1.CloudSSOUserSpec{UserName: "ada", Source: v1alpha1.SourceSCIM}}
	bob := ada.DeepCopy()
	bob.Name, bob.Spec.UserName = "bob", "bob"
	list := &roster{Reconciler: &Reconciler{Base: controllerutil.Base{Client: manyObjects{objects: []client.Object{ada, bob}}}}, namespace: "a", names: access.NewUsernames(nil)}
	w := work{users: usersOf("ada")}
	awaited := func() []string {
		late, err := list.awaited(t.Context(), w.users)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(late)
		return late
	}
	for range maxLooks {
		if got := awaited(); !slices.Equal(got, []string{"ada"}) {
			t.Fatalf("after %d looks %q are waited for", w.users["ada"], got)
		}
		w.count(false, awaited())
	}
	if got := awaited(); len(got) > 0 {
		t.Errorf("%q are waited for after %d looks", got, maxLooks)
	}
	w.add(work{users: usersOf("bob")})
	if got := awaited(); !slices.Equal(got, []string{"bob"}) {
		t.Errorf("%q are waited for when bob comes to ada, who has had all looks", got)
	}
	left := w.clone()
	w = work{users: usersOf("ada")} // that came while the work was done
	if w.add(left); !slices.Equal(awaited(), []string{"ada", "bob"}) {
		t.Errorf("%q are waited for when ada has changed again", awaited())
	}
	list.names.Set(ada, true)
	list.names.Set(bob, true)
	if got := awaited(); len(got) > 0 {
		t.Errorf("%q are waited for although the index shows them", got)
	}
}

// manyObjects is a cache that has objects.
type manyObjects struct {
	emptyCache
	objects []client.Object
}

func (c manyObjects) Get(ctx context.Context, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
	for _, o := range c.objects {
		if client.ObjectKeyFromObject(o) == key {
			return oneObject{object: o}.Get(ctx, key, into, options...)
		}
	}
	return emptyCache{}.Get(ctx, key, into, options...)
}

func TestFailedRemovalIsRepeatedWithinASecond(t *testing.T) {
	m, req := newMemory(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "a", Name: "one"}}
	l := newLimiter(m)
	for name, c := range map[string]struct {
		change func()
		want   time.Duration
	}{
		"a reconcile that ended early":          {func() { m.begin(req.NamespacedName) }, retryInterval},
		"a reconcile that only failed to grant": {func() { m.setRemovalLeft(req.NamespacedName, false) }, lastRetry},
		"a reconcile that could not read the users it granted to": {func() {
			m.setRemovalLeft(req.NamespacedName, false)
			m.of(req.NamespacedName).added = map[string]grantee{"ada": {user: "ada"}}
		}, retryInterval},
	} {
		t.Run(name, func(t *testing.T) {
			m.of(req.NamespacedName).added = nil
			c.change()
			for range 20 {
				if got := l.When(req); got > c.want {
					t.Fatalf("it is repeated after %v, want %v at most", got, c.want)
				}
			}
			if got := l.When(req); got != c.want {
				t.Errorf("after many attempts it is repeated after %v, want %v", got, c.want)
			}
		})
	}
}

// A principal that is not whole yet is waited for without a bound, which takes no look from the objects that come with it.
func TestLooksAtAPartialPrincipalAreNoLooksAtAnIndex(t *testing.T) {
	w := work{unseen: objectsOf(groupAt("a", "dev", "1"))}
	for range maxLooks {
		if got := w.interval(false); got != controllerutil.IndexInterval {
			t.Fatalf("after %d looks the next one is after %v, want %v", w.partial, got, controllerutil.IndexInterval)
		}
		w.count(true, nil)
	}
	if got := w.interval(false); got != pendingInterval {
		t.Errorf("after %d looks the next one is after %v, want %v", w.partial, got, pendingInterval)
	}
	if !w.unseen.areAwaited() {
		t.Error("the index is not looked at any more once the principal is whole")
	}
	if w.count(false, nil); w.interval(false) != controllerutil.IndexInterval {
		t.Errorf("the first look after the principal is whole is after %v, want %v", w.interval(false), controllerutil.IndexInterval)
	}
}

func TestRemovalThatWasAConflictIsRepeatedSoon(t *testing.T) {
	for _, partial := range []int{0, maxLooks} {
		w := work{partial: partial}
		if got := w.interval(true); got < conflictInterval || got > 2*conflictInterval {
			t.Errorf("after %d looks it is repeated after %v, want between %v and twice that", partial, got, conflictInterval)
		}
	}
}

func TestPinnedPrincipalMayAppearIfAnIndexCanShowIt(t *testing.T) {
	group := func(source v1alpha1.Source, name string) *v1alpha1.CloudSSOGroup {
		return &v1alpha1.CloudSSOGroup{
			ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: name},
			Spec:       v1alpha1.CloudSSOGroupSpec{Source: source, DisplayName: "new"},
			Status:     v1alpha1.CloudSSOGroupStatus{ClaimedName: "old"},
		}
	}
	principal := v1alpha1.AccessPrincipal{Kind: v1alpha1.PrincipalGroup, Name: "dev"}
	pinned := &v1alpha1.PinnedPrincipal{Name: "dev", Selector: access.Selector(principal)}
	for name, c := range map[string]struct {
		pinned *v1alpha1.PinnedPrincipal
		cached *v1alpha1.CloudSSOGroup
		want   bool
	}{
		"none is pinned":                       {nil, group(v1alpha1.SourceSCIM, "other"), true},
		"it is synchronized":                   {pinned, group(v1alpha1.SourceSCIM, "dev"), true},
		"it is gone":                           {pinned, group(v1alpha1.SourceSCIM, "other"), false},
		"it is Manual and has no claim":        {pinned, group(v1alpha1.SourceManual, "dev"), false},
		"the assignment names it in other way": {&v1alpha1.PinnedPrincipal{Name: "dev"}, group(v1alpha1.SourceSCIM, "dev"), false},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Reconciler{Base: controllerutil.Base{Client: oneObject{object: c.cached}}}
			a := &v1alpha1.CloudSSOAccessAssignment{ObjectMeta: metav1.ObjectMeta{Namespace: "a"}}
			a.Spec.Principal, a.Status.Principal = principal, c.pinned
			got, err := r.mayAppear(t.Context(), a)
			if err != nil || got != c.want {
				t.Errorf("it may appear: %t, error %v; want %t", got, err, c.want)
			}
		})
	}
}

func TestPrincipalThatMayAppearTakesNothingAway(t *testing.T) {
	found := access.Principal{Name: "dev"}
	for name, c := range map[string]struct {
		situation situation
		mode      v1alpha1.AccessMode
		want      effect
	}{
		"a principal":                      {situation{principal: found}, v1alpha1.AccessEnforce, grants},
		"none":                             {situation{}, v1alpha1.AccessEnforce, withdraws},
		"none yet":                         {situation{mayAppear: true}, v1alpha1.AccessEnforce, keeps},
		"none yet, in mode Preview":        {situation{mayAppear: true}, v1alpha1.AccessPreview, withdraws},
		"none yet, before the time begins": {situation{mayAppear: true, phase: scheduled}, v1alpha1.AccessEnforce, withdraws},
	} {
		t.Run(name, func(t *testing.T) {
			c.situation.position = policy.SwitchEnabled
			a := &v1alpha1.CloudSSOAccessAssignment{Spec: v1alpha1.CloudSSOAccessAssignmentSpec{Mode: c.mode}}
			if got := c.situation.effectOf(a); got != c.want {
				t.Errorf("the effect is %d, want %d", got, c.want)
			}
		})
	}
}

func TestRestrictionChangesWithWhatTakesAccessAway(t *testing.T) {
	base := func() (*situation, *v1alpha1.CloudSSOAccessAssignment) {
		return &situation{effect: grants, principal: access.Principal{Name: "dev"}, targets: targets{granted: []string{"a", "b"}}, allowed: []string{"a"}},
			&v1alpha1.CloudSSOAccessAssignment{ObjectMeta: metav1.ObjectMeta{UID: "1"}}
	}
	s, a := base()
	before := s.restriction(a)
	for name, c := range map[string]struct {
		change  func(*situation, *v1alpha1.CloudSSOAccessAssignment)
		differs bool
	}{
		"another right of the operator": {func(s *situation, _ *v1alpha1.CloudSSOAccessAssignment) { s.allowed = nil }, false},
		"nothing may be added":          {func(s *situation, _ *v1alpha1.CloudSSOAccessAssignment) { s.effect = keeps }, false},
		"all is removed":                {func(s *situation, _ *v1alpha1.CloudSSOAccessAssignment) { s.effect = withdraws }, true},
		"a target less":                 {func(s *situation, _ *v1alpha1.CloudSSOAccessAssignment) { s.targets.granted = []string{"a"} }, true},
		"another role":                  {func(_ *situation, a *v1alpha1.CloudSSOAccessAssignment) { a.Spec.RoleRef.Name = "edit" }, true},
		"another principal":             {func(s *situation, _ *v1alpha1.CloudSSOAccessAssignment) { s.principal.Name = "ops" }, true},
		"a principal that may appear":   {func(s *situation, _ *v1alpha1.CloudSSOAccessAssignment) { s.mayAppear = true }, true},
	} {
		t.Run(name, func(t *testing.T) {
			s, a := base()
			c.change(s, a)
			if got := s.restriction(a) != before; got != c.differs {
				t.Errorf("the restriction differs: %t, want %t", got, c.differs)
			}
		})
	}
}

// behind is an index that has seen nothing.
type behind struct{ controllerutil.Names }

func (behind) HasSeen(client.Object) bool { return false }

// emptyCache is a cache that has no object.
type emptyCache struct{ client.Client }

func (emptyCache) Get(_ context.Context, key client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
	return apierrors.NewNotFound(v1alpha1.GroupVersion.WithResource("cloudssogroups").GroupResource(), key.Name)
}

func TestObjectThatIsGoneIsWaitedForUntilMaxLooks(t *testing.T) {
	r := &Reconciler{Base: controllerutil.Base{Client: emptyCache{}}}
	r.Names = behind{}
	for looks, want := range map[int]int{0: 1, maxLooks - 1: 1, maxLooks: 0} {
		late, err := r.unindexed(t.Context(), work{unseen: after(looks, groupAt("a", "gone", "7"))})
		if err != nil || len(late) != want {
			t.Errorf("after %d looks %q is waited for, error %v; want %d objects", looks, versions(late), err, want)
		}
	}
}

// A cache answers whether or not the context has ended, so what reads a hundred thousand members from it has to look.
func TestReadsOfTheCacheEndWithTheirContext(t *testing.T) {
	r := &Reconciler{Base: controllerutil.Base{Client: emptyCache{}}}
	list := &roster{Reconciler: r, names: &access.Usernames{}, lists: []client.Object{
		&v1alpha1.CloudSSOGroup{Spec: v1alpha1.CloudSSOGroupSpec{Members: []v1alpha1.Member{{Name: "ada"}}}},
	}}
	ended, end := context.WithCancel(t.Context())
	end()
	for name, read := range map[string]func() error{
		"users":      func() error { _, err := r.readUser(ended, "a", "ada"); return err },
		"principals": func() error { _, err := r.readPrincipal(ended, v1alpha1.PrincipalGroup, "a", "dev"); return err },
		"targets":    func() error { _, err := r.readMetadata(ended, namespaceKind, client.ObjectKey{Name: "a"}); return err },
		"members":    func() error { _, _, err := list.everyone(ended); return err },
	} {
		if err := read(); !errors.Is(err, context.Canceled) {
			t.Errorf("reading %s returns %v after the context has ended", name, err)
		}
	}
}
