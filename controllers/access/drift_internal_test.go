package access

import (
	"context"
	"maps"
	"strconv"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/internal/controllerutil"
)

// oneObject is a cache or an API server that has one object.
type oneObject struct {
	emptyCache
	object client.Object
}

func (c oneObject) Get(ctx context.Context, key client.ObjectKey, into client.Object, options ...client.GetOption) error {
	if client.ObjectKeyFromObject(c.object) != key {
		return c.emptyCache.Get(ctx, key, into, options...)
	}
	switch o := c.object.(type) {
	case *v1alpha1.CloudSSOGroup:
		if into, ok := into.(*v1alpha1.CloudSSOGroup); ok {
			o.DeepCopyInto(into)
			return nil
		}
	case *v1alpha1.CloudSSOUser:
		if into, ok := into.(*v1alpha1.CloudSSOUser); ok {
			o.DeepCopyInto(into)
			return nil
		}
	}
	return c.emptyCache.Get(ctx, key, into, options...)
}

// A user who was revoked is granted nothing by a cache that does not show the reason yet, however many passes there are: one
// that only takes access away, or one that does not write all bindings.
func TestMissingUsersAreReadBeforeTheyAreGrantedAgain(t *testing.T) {
	ada := &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "ada"}, Spec: v1alpha1.CloudSSOUserSpec{UserName: "ada", Source: v1alpha1.SourceSCIM}}
	inactive := ada.DeepCopy()
	inactive.Spec.Active = new(false)
	names := access.NewUsernames(nil)
	names.Set(ada, true)
	r := &Reconciler{Base: controllerutil.Base{Client: emptyCache{}}}
	known := &remembered{}
	for step, c := range []struct {
		name   string
		live   *v1alpha1.CloudSSOUser
		effect effect
		gone   []string
		isFull bool
		wanted map[string]bool
		want   map[string]bool
	}{
		{"ada is taken out, and nothing is added", inactive, keeps, []string{"ada"}, false, setOf("ada", "bob"), setOf("ada", "bob")},
		{"all is removed", inactive, withdraws, nil, true, nil, nil},
		{"another pass grants", inactive, grants, nil, true, setOf("ada", "bob"), map[string]bool{"ada": false, "bob": true}},
		{"it was incomplete, and the next one grants", inactive, grants, nil, true, setOf("ada", "bob"), map[string]bool{"ada": false, "bob": true}},
		{"one looks at bob alone", inactive, grants, nil, false, setOf("bob"), setOf("bob")},
		{"ada is effective again", ada, grants, nil, true, setOf("ada", "bob"), setOf("ada", "bob")},
		{"ada is not read again", inactive, grants, nil, true, setOf("ada", "bob"), setOf("ada", "bob")},
		{"ada is taken out again", inactive, grants, []string{"ada"}, true, setOf("ada"), map[string]bool{"ada": false}},
		{"the cache shows that ada is not wanted", inactive, keeps, nil, true, setOf("bob"), setOf("bob")},
		{"the cache shows that ada is wanted again", inactive, grants, nil, true, setOf("ada"), setOf("ada")},
	} {
		r.Live = oneObject{object: c.live}
		p := &pass{
			Reconciler: r, key: types.NamespacedName{Namespace: "a", Name: "one"}, known: known, situation: &situation{effect: c.effect},
			roster: &roster{names: names}, isFull: c.isFull, wanted: c.wanted, targets: []*target{{drift: drift{gone: setOf(c.gone...)}}},
		}
		if err := p.distrustMissing(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(p.wanted, c.want) {
			t.Errorf("step %d, %s: %v should have the role, want %v", step, c.name, p.wanted, c.want)
		}
	}
}

// unread is an API server that no one may read from.
type unread struct {
	client.Reader
	t *testing.T
}

func (u unread) Get(_ context.Context, key client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
	u.t.Errorf("%s is read", key)
	return nil
}

func (u unread) List(context.Context, client.ObjectList, ...client.ListOption) error {
	u.t.Error("all users are listed")
	return nil
}

// A switch that is Disabled for days lets many names become missing. They are read after they were added.
func TestManyMissingUsersAreNotReadByAPass(t *testing.T) {
	r := &Reconciler{Base: controllerutil.Base{Client: emptyCache{}, Live: unread{t: t}}}
	known, many := &remembered{}, map[string]bool{}
	for i := range maxSingleReads + 1 {
		many[strconv.Itoa(i)] = true
	}
	passOf := func(e effect, gone map[string]bool) *pass {
		return &pass{
			Reconciler: r, known: known, situation: &situation{effect: e}, roster: &roster{names: access.NewUsernames(nil)},
			isFull: true, wanted: maps.Clone(many), targets: []*target{{drift: drift{gone: gone}}},
		}
	}
	for name := range many {
		if err := passOf(keeps, setOf(name)).distrustMissing(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	p := passOf(grants, nil)
	if err := p.distrustMissing(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(p.wanted, many) || len(known.missing) > 0 {
		t.Errorf("%d users should have the role and %d are missing, want %d and none", len(p.wanted), len(known.missing), len(many))
	}
}
