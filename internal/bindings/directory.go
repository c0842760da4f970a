package bindings

import (
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// directories knows the users of every namespace, and the Kubernetes user names of those that have a CloudSSODirectory. It
// is told of users and directories by the informers. Safe for concurrent use.
type directories struct {
	now      func() time.Time
	remember time.Duration // for how long a former Kubernetes user name is known
	// contested holds one token when a claim is to be read.
	contested chan struct{}

	mu          sync.Mutex
	byNamespace map[string]*directory
}

// directory is a namespace. Only users is set while it has no CloudSSODirectory.
type directory struct {
	users map[string]*v1alpha1.CloudSSOUser // as the informer shows them; shared, read only

	rule      *v1alpha1.KubernetesUsername
	usernames *access.Usernames
	isDue     bool                // a contest is
	named     map[string]string   // folded userName → a live user that has it
	contests  map[string]*contest // folded userName → the live users that have it, if they are several
	former    map[string][]formerName
}

// contest is a userName that several live users have. The claim says which of them holds it.
type contest struct {
	users    []string
	holder   string // none of them if it is ""
	decided  bool   // the claim has been read
	isDue    bool   // the claim is to be read at the next opportunity
	readAt   time.Time
	interval time.Duration
}

const (
	// contestInterval is when a claim is read again whose holder may change without a change of the users: when a request that
	// is under way is decided. The interval doubles, because a contest can last until a person ends it.
	contestInterval    = 2 * time.Second
	maxContestInterval = time.Minute
)

// formerName is a Kubernetes user name that a user had.
type formerName struct {
	name  string
	until time.Time // when it is forgotten
}

func newDirectories(now func() time.Time, remember time.Duration) *directories {
	return &directories{now: now, remember: remember, contested: make(chan struct{}, 1), byNamespace: map[string]*directory{}}
}

// in returns the namespace.
func (d *directories) in(namespace string) *directory {
	if d.byNamespace[namespace] == nil {
		d.byNamespace[namespace] = &directory{users: map[string]*v1alpha1.CloudSSOUser{}}
	}
	return d.byNamespace[namespace]
}

// declare records that a namespace has a CloudSSODirectory, and its rule. It reports whether the Usernames are other ones
// now.
func (d *directories) declare(namespace string, rule *v1alpha1.KubernetesUsername) (changed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.in(namespace)
	if n.usernames != nil && equality.Semantic.DeepEqual(n.rule, rule) {
		return false
	}
	if n.usernames == nil {
		n.named, n.contests, n.former = map[string]string{}, map[string]*contest{}, map[string][]formerName{}
		for _, u := range n.users {
			n.join(u, false)
		}
	}
	n.rule = rule.DeepCopy()
	n.usernames = access.NewUsernames(n.rule)
	for _, u := range n.users {
		n.usernames.Set(u, n.isEffective(u))
	}
	return true
}

// undeclare records that a namespace has no CloudSSODirectory.
func (d *directories) undeclare(namespace string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.byNamespace[namespace]; n != nil {
		d.byNamespace[namespace] = &directory{users: n.users}
	}
	d.forgetEmpty(namespace)
}

func (d *directories) forgetEmpty(namespace string) {
	if n := d.byNamespace[namespace]; n != nil && n.usernames == nil && len(n.users) == 0 {
		delete(d.byNamespace, namespace)
	}
}

// setUser records a user as it is now, and returns the Kubernetes user names that may mean another user than before. If
// presume is set, who holds a userName goes on to hold it when another user gets it too, until the claim has been read;
// otherwise neither of them holds it until then.
func (d *directories) setUser(u *v1alpha1.CloudSSOUser, presume bool) (changed []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.in(u.Namespace)
	before := n.users[u.Name]
	n.users[u.Name] = u
	if n.usernames == nil {
		return nil
	}
	d.keepFormer(n, before, u)
	defer d.wake(n)
	return n.replace(before, u, presume)
}

// removeUser records that a user is gone, and returns the Kubernetes user names that may mean another user than before.
func (d *directories) removeUser(namespace, name string) (changed []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.in(namespace)
	before := n.users[name]
	delete(n.users, name)
	defer d.forgetEmpty(namespace)
	if n.usernames == nil || before == nil {
		return nil
	}
	d.keepFormer(n, before, nil)
	defer d.wake(n)
	return n.replace(before, nil, false)
}

// wake tells that the claim on a name of a directory is to be read, if one is.
func (d *directories) wake(n *directory) {
	if !n.isDue {
		return
	}
	n.isDue = false
	select {
	case d.contested <- struct{}{}:
	default:
	}
}

// keepFormer records the Kubernetes user name that a user had, if it has another one now.
func (d *directories) keepFormer(n *directory, before, after *v1alpha1.CloudSSOUser) {
	was, is := n.nameOf(before), n.nameOf(after)
	if was != "" && was != is {
		n.former[before.Name] = append(n.former[before.Name], formerName{was, d.now().Add(d.remember)})
	}
}

// nameOf returns the Kubernetes user name that a user gets, effective or not; "" if it gets none.
func (n *directory) nameOf(u *v1alpha1.CloudSSOUser) string {
	if u == nil {
		return ""
	}
	name, err := access.Username(n.rule, u)
	if err != nil {
		return ""
	}
	return name
}

// forget forgets the former names whose time is over.
func (d *directories) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	for _, n := range d.byNamespace {
		for user, names := range n.former {
			if names = slices.DeleteFunc(names, func(f formerName) bool { return !now.Before(f.until) }); len(names) == 0 {
				delete(n.former, user)
			} else {
				n.former[user] = names
			}
		}
	}
}

// replace makes the change of one user. before and after are nil for none.
func (n *directory) replace(before, after *v1alpha1.CloudSSOUser, presume bool) (changed []string) {
	var others []string
	if from, to := liveName(before), liveName(after); from != to {
		others = n.leave(before)
		others = append(others, n.join(after, presume)...)
	} else if c := n.contests[to]; c != nil {
		n.makeDue(c) // the user controller writes what it finds out into the user's status
	}
	if after == nil {
		changed = n.usernames.Remove(before.Name)
	} else {
		changed = n.refresh(after, before)
	}
	for _, other := range others {
		if u := n.users[other]; u != nil {
			changed = append(changed, n.refresh(u, u)...)
		}
	}
	return changed
}

// refresh records a user, who was before as given, in the Usernames.
func (n *directory) refresh(u, before *v1alpha1.CloudSSOUser) (changed []string) {
	was, _ := n.usernames.Of(u.Name)
	changed = n.usernames.Set(u, n.isEffective(u))
	is, _ := n.usernames.Of(u.Name)
	if was == is && before != nil && before.Spec.Source == u.Spec.Source {
		return nil
	}
	return changed
}

func (n *directory) isEffective(u *v1alpha1.CloudSSOUser) bool {
	c := n.contests[liveName(u)]
	return access.IsEffective(u, c != nil && c.holder != u.Name)
}

// liveName returns the folded userName of a user if it is live, else "".
func liveName(u *v1alpha1.CloudSSOUser) string {
	if u == nil || !policy.IsLive(u) {
		return ""
	}
	return nameclaim.NameOf(u).Folded
}

// join records that a user has its userName. It returns the other users that may hold the name no more.
func (n *directory) join(u *v1alpha1.CloudSSOUser, presume bool) (others []string) {
	name := liveName(u)
	first := n.named[name]
	switch c := n.contests[name]; {
	case name == "" || first == u.Name:
	case first == "":
		n.named[name] = u.Name
	case c != nil:
		c.users = append(c.users, u.Name)
		n.makeDue(c)
	default:
		c = &contest{users: []string{first, u.Name}, decided: presume, interval: contestInterval}
		n.makeDue(c)
		if presume {
			c.holder = first
		}
		n.contests[name] = c
		return []string{first}
	}
	return nil
}

// leave records that a user has not the userName any more that it had. It returns the users that may hold the name now.
func (n *directory) leave(u *v1alpha1.CloudSSOUser) (others []string) {
	name := liveName(u)
	if name == "" {
		return nil
	}
	c := n.contests[name]
	if c == nil {
		delete(n.named, name)
		return nil
	}
	c.users = slices.DeleteFunc(c.users, func(other string) bool { return other == u.Name })
	n.named[name] = c.users[0]
	if len(c.users) == 1 {
		delete(n.contests, name)
		return c.users
	}
	n.makeDue(c)
	if c.holder == u.Name {
		c.holder = ""
	}
	return nil
}

func (n *directory) makeDue(c *contest) { c.isDue, n.isDue = true, true }

// due returns the contested names whose claims are to be read.
func (d *directories) due() (names []nameclaim.Name) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	for namespace, n := range d.byNamespace {
		for folded, c := range n.contests {
			if c.isDue || now.Sub(c.readAt) >= c.interval {
				names = append(names, nameclaim.Name{Namespace: namespace, Kind: v1alpha1.ClaimedByUser, Folded: folded})
			}
		}
	}
	return names
}

// begin records that the claim on a contested name is about to be read: a change from now on makes it due again.
func (d *directories) begin(name nameclaim.Name) {
	d.update(name, func(_ *directory, c *contest) {
		if c.isDue {
			c.interval = contestInterval
		} else {
			c.interval = min(2*c.interval, maxContestInterval)
		}
		c.isDue, c.readAt = false, d.now()
	})
}

// decide records which user holds a contested name; "" is none. It returns the Kubernetes user names that may mean another
// user than before.
func (d *directories) decide(name nameclaim.Name, holder string) (changed []string) {
	d.update(name, func(n *directory, c *contest) {
		was := c.holder
		c.holder, c.decided = holder, true
		if was == holder {
			return
		}
		for _, user := range c.users {
			if u := n.users[user]; u != nil {
				changed = append(changed, n.refresh(u, u)...)
			}
		}
	})
	return changed
}

// update makes a change of a contest, if it goes on.
func (d *directories) update(name nameclaim.Name, change func(*directory, *contest)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.byNamespace[name.Namespace]; n != nil {
		if c := n.contests[name.Folded]; c != nil {
			change(n, c)
		}
	}
}

// isDecided reports whether the claim on every contested name has been read.
func (d *directories) isDecided() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range d.byNamespace {
		for _, c := range n.contests {
			if !c.decided {
				return false
			}
		}
	}
	return true
}

// noUsernames are those of a namespace without a directory.
var noUsernames = access.NewUsernames(nil)

// usernames returns the Kubernetes user names of a directory's users.
func (d *directories) usernames(namespace string) *access.Usernames {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.byNamespace[namespace]; n != nil && n.usernames != nil {
		return n.usernames
	}
	return noUsernames
}

// isDeclared reports whether a namespace has a CloudSSODirectory.
func (d *directories) isDeclared(namespace string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.byNamespace[namespace]
	return n != nil && n.usernames != nil
}

// version returns the resourceVersion of a user as it was told last; "" if there is none.
func (d *directories) version(namespace, user string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.byNamespace[namespace]; n != nil && n.users[user] != nil {
		return n.users[user].ResourceVersion
	}
	return ""
}

// namesOf returns the Kubernetes user names that bindings may have of a user: the present one, whether the user is
// effective or not, and those that it had while they are remembered.
func (d *directories) namesOf(namespace, user string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.byNamespace[namespace]
	if n == nil || n.usernames == nil {
		return nil
	}
	names := map[string]bool{}
	if name := n.nameOf(n.users[user]); name != "" {
		names[name] = true
	}
	for _, f := range n.former[user] {
		names[f.name] = true
	}
	return slices.Sorted(maps.Keys(names))
}
