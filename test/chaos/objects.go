package chaos

import (
	"context"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/scim/fold"
)

// Objects is what the API server holds.
type Objects struct {
	Users  []v1alpha1.CloudSSOUser
	Groups []v1alpha1.CloudSSOGroup
	Slices []v1alpha1.CloudSSOMembershipSlice
	Claims []v1alpha1.CloudSSONameClaim

	Assignments []v1alpha1.CloudSSOAccessAssignment
	Namespaces  []corev1.Namespace
	Bindings    []rbacv1.RoleBinding // of the operator
	ReadAt      time.Time            // when the assignments were read
}

func (r *Replicas) objects(ctx context.Context) (o Objects, err error) {
	var users v1alpha1.CloudSSOUserList
	var groups v1alpha1.CloudSSOGroupList
	var slices v1alpha1.CloudSSOMembershipSliceList
	var claims v1alpha1.CloudSSONameClaimList
	in := client.InNamespace(r.Environment.Namespace)
	for _, list := range []client.ObjectList{&users, &groups, &slices, &claims} {
		if err = r.Environment.Admin.List(ctx, list, in); err != nil {
			return o, err
		}
	}
	o = Objects{Users: users.Items, Groups: groups.Items, Slices: slices.Items, Claims: claims.Items}
	return o, o.readAccess(ctx, r.Environment.Admin, r.Environment.Namespace)
}

// isTerminating reports whether an object is being deleted and the guard does not hold it.
func isTerminating(o metav1.Object) bool {
	return o.GetDeletionTimestamp() != nil && !slices.Contains(o.GetFinalizers(), v1alpha1.FinalizerGuard)
}

// isLive reports whether a user takes part in anything: it is neither deprovisioned nor terminating.
func isLive(u *v1alpha1.CloudSSOUser) bool { return u.Spec.DeprovisionedAt == nil && !isTerminating(u) }

func (o Objects) user(name string) (*v1alpha1.CloudSSOUser, bool) {
	i := slices.IndexFunc(o.Users, func(u v1alpha1.CloudSSOUser) bool { return u.Name == name })
	if i < 0 {
		return nil, false
	}
	return &o.Users[i], true
}

func (o Objects) group(name string) (*v1alpha1.CloudSSOGroup, bool) {
	i := slices.IndexFunc(o.Groups, func(g v1alpha1.CloudSSOGroup) bool { return g.Name == name })
	if i < 0 {
		return nil, false
	}
	return &o.Groups[i], true
}

// claimKey is what a claim is about: a kind of object and a folded name.
type claimKey struct {
	kind v1alpha1.ClaimedKind
	name string
}

func (k claimKey) String() string { return string(k.kind) + " " + k.name }

// named returns the ids of the live objects by the name that they have.
func (o Objects) named() map[claimKey][]string {
	named := map[claimKey][]string{}
	for i := range o.Users {
		if u := &o.Users[i]; isLive(u) {
			key := claimKey{v1alpha1.ClaimedByUser, fold.Name(u.Spec.UserName)}
			named[key] = append(named[key], u.Name)
		}
	}
	for i := range o.Groups {
		if g := &o.Groups[i]; !isTerminating(g) {
			key := claimKey{v1alpha1.ClaimedByGroup, fold.Name(g.Spec.DisplayName)}
			named[key] = append(named[key], g.Name)
		}
	}
	return named
}

// holders returns the ids that claims say, by what they claim.
func (o Objects) holders() map[claimKey]string {
	holders := map[claimKey]string{}
	for i := range o.Claims {
		spec := o.Claims[i].Spec
		holders[claimKey{spec.Kind, spec.Name}] = spec.Holder
	}
	return holders
}

// hidden returns the ids of live objects that share their name with another live object and do not hold its claim.
func (o Objects) hidden() map[string]bool {
	hidden, holders := map[string]bool{}, o.holders()
	for key, ids := range o.named() {
		for _, id := range ids {
			if len(ids) > 1 && holders[key] != id {
				hidden[id] = true
			}
		}
	}
	return hidden
}

// Exists returns the ids of all users.
func (o Objects) Exists() map[string]bool {
	exists := map[string]bool{}
	for i := range o.Users {
		exists[o.Users[i].Name] = true
	}
	return exists
}

// Finals returns what the API server holds as the last requests of the histories, by partition.
func (w *Workload) Finals(o Objects) (finals []*Op) {
	sets, teams := map[string]*Op{}, map[string]*Op{}
	add := func(partition string, group bool) *Op {
		final := &Op{Partition: partition, Group: group, Kind: Final, Outcome: Done, Call: w.History.Now(), Return: Forever}
		finals = append(finals, final)
		return final
	}
	for _, r := range w.rounds {
		for _, s := range r.nameSets() {
			sets[s.partition] = add(s.partition, s.group)
		}
		for _, t := range r.teams {
			teams[t.id] = add(t.partition, true)
			teams[t.id].Subject = t.id
		}
	}
	for i := range o.Users {
		if final := sets[w.partitionOf(o.Users[i].Spec.UserName)]; final != nil {
			final.Seen = append(final.Seen, seenUser(&o.Users[i]))
		}
	}
	for i := range o.Groups {
		g := &o.Groups[i]
		if final := sets[w.partitionOf(g.Spec.DisplayName)]; final != nil && !isTerminating(g) {
			final.Seen = append(final.Seen, o.seenGroup(g))
		}
		if final := teams[g.Name]; final != nil {
			final.Seen, final.Members = []Seen{o.seenGroup(g)}, o.members(g)
			final.index()
		}
	}
	return finals
}

func seenUser(u *v1alpha1.CloudSSOUser) Seen {
	return Seen{
		ID: u.Name, Name: strings.ToLower(u.Spec.UserName), ExternalID: u.Spec.ExternalID,
		Active: u.Spec.Active == nil || *u.Spec.Active, Deprovisioned: !isLive(u), Manual: u.Spec.Source == v1alpha1.SourceManual,
		Marker: number(u.Spec.Title), Origin: number(u.Spec.NickName),
	}
}

func (o Objects) seenGroup(g *v1alpha1.CloudSSOGroup) Seen {
	s := Seen{ID: g.Name, Name: strings.ToLower(g.Spec.DisplayName), ExternalID: g.Spec.ExternalID, Members: o.members(g)}
	s.Marker = number(s.ExternalID)
	s.Origin = s.Marker
	return s
}
