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

// manyUsers is an API server that has users.
type manyUsers struct {
	emptyCache
	users []v1alpha1.CloudSSOUser
}

func (c manyUsers) List(_ context.Context, into client.ObjectList, _ ...client.ListOption) error {
	if list, ok := into.(*v1alpha1.CloudSSOUserList); ok {
		list.Items = c.users
	}
	return nil
}

// The identity provider may deactivate many users at once: the leader does not give them back what another replica has taken.
func TestManyMissingUsersAreReadBeforeTheyAreGrantedAgain(t *testing.T) {
	names, many, users := access.NewUsernames(nil), map[string]bool{}, []v1alpha1.CloudSSOUser{}
	for i := range maxSingleReads + 1 {
		u := v1alpha1.CloudSSOUser{
			ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: strconv.Itoa(i)},
			Spec:       v1alpha1.CloudSSOUserSpec{UserName: strconv.Itoa(i), Source: v1alpha1.SourceSCIM},
		}
		names.Set(&u, true)
		many[u.Name] = true
		u.Spec.Active = new(i == 0)
		users = append(users, u)
	}
	r := &Reconciler{Base: controllerutil.Base{Client: emptyCache{}, Live: manyUsers{users: users}}}
	known := &remembered{}
	p := &pass{
		Reconciler: r, key: types.NamespacedName{Namespace: "a", Name: "one"}, known: known, situation: &situation{effect: grants},
		roster: &roster{names: names}, isFull: true, wanted: maps.Clone(many), targets: []*target{{drift: drift{gone: many}}},
	}
	if err := p.distrustMissing(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, isWanted := range p.wanted {
		if isWanted != (name == "0") || known.missing[name] == isWanted || p.distrusted[name] == isWanted {
			t.Errorf("user %s should have the role: %t, is missing: %t, is distrusted: %t", name, isWanted, known.missing[name], p.distrusted[name])
		}
	}
}
