package chaos

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
	"github.com/cloudsso/cloudsso-operator/internal/scim/fold"
)

const (
	// settleTimeout is how long everything may take to be as it should be: a reservation that a crash
	// left behind is swept after a minute, by a leader.
	settleTimeout  = 2 * time.Minute
	settleInterval = 250 * time.Millisecond
)

// Objects is what the API server holds.
type Objects struct {
	Users  []v1alpha1.CloudSSOUser
	Groups []v1alpha1.CloudSSOGroup
	Slices []v1alpha1.CloudSSOMembershipSlice
}

func (r *Replicas) objects(ctx context.Context) (o Objects, err error) {
	var users v1alpha1.CloudSSOUserList
	var groups v1alpha1.CloudSSOGroupList
	var slices v1alpha1.CloudSSOMembershipSliceList
	in := client.InNamespace(r.Environment.Namespace)
	for _, list := range []client.ObjectList{&users, &groups, &slices} {
		if err = r.Environment.Admin.List(ctx, list, in); err != nil {
			return o, err
		}
	}
	return Objects{users.Items, groups.Items, slices.Items}, nil
}

// Settle waits until nothing is left to be done, and returns what is there then, and what is still wrong
// with it.
func (r *Replicas) Settle(ctx context.Context) (o Objects, wrong []string, err error) {
	err = wait.PollUntilContextTimeout(ctx, settleInterval, settleTimeout, true, func(ctx context.Context) (bool, error) {
		if o, err = r.objects(ctx); err != nil {
			return false, err
		}
		wrong = o.unsettled()
		return len(wrong) == 0, nil
	})
	if wait.Interrupted(err) && ctx.Err() == nil {
		err = nil // what is wrong says it all
	}
	return o, wrong, err
}

// unsettled is everything that a controller has yet to do.
func (o Objects) unsettled() (wrong []string) {
	departed := map[string]bool{}
	holders := o.userHolders()
	for i := range o.Users {
		u := &o.Users[i]
		departed[u.Name] = policy.HasDeparted(u)
		if problem := unsettledUser(u, holders[fold.Name(u.Spec.UserName)]); problem != "" {
			wrong = append(wrong, fmt.Sprintf("user %s %s", u.Name, problem))
		}
	}
	for i := range o.Groups {
		g := &o.Groups[i]
		for _, problem := range o.unsettledGroup(g, departed) {
			wrong = append(wrong, fmt.Sprintf("group %s %s", g.Name, problem))
		}
	}
	return append(wrong, o.unsettledSlices()...)
}

func unsettledUser(u *v1alpha1.CloudSSOUser, holder string) string {
	state := policy.UserState(u, policy.IsLive(u) && holder != u.Name)
	ready := meta.FindStatusCondition(u.Status.Conditions, v1alpha1.ConditionReady)
	switch {
	case u.Annotations[v1alpha1.AnnotationReservation] != "":
		return fmt.Sprintf("still reserves %q", u.Annotations[v1alpha1.AnnotationReservation])
	case u.Status.State != state:
		return fmt.Sprintf("is %s and should be %s", u.Status.State, state)
	case ready == nil || (ready.Status == metav1.ConditionTrue) != (state == v1alpha1.UserActive):
		return fmt.Sprintf("is %s and Ready says %v", state, ready)
	case state == v1alpha1.UserActive && u.Status.UserName != u.Spec.UserName:
		return fmt.Sprintf("is accepted as %q and called %q", u.Status.UserName, u.Spec.UserName)
	}
	return ""
}

// unsettledGroup knows of each user whether it has departed.
func (o Objects) unsettledGroup(g *v1alpha1.CloudSSOGroup, departed map[string]bool) (wrong []string) {
	if policy.IsGoing(g) {
		return []string{"is still being deleted"}
	}
	if g.Annotations[v1alpha1.AnnotationReservation] != "" {
		wrong = append(wrong, fmt.Sprintf("still reserves %q", g.Annotations[v1alpha1.AnnotationReservation]))
	}
	if g.Status.ObservedGeneration != g.Generation {
		wrong = append(wrong, fmt.Sprintf("is at generation %d, its status at %d", g.Generation, g.Status.ObservedGeneration))
	}
	seen := map[string]bool{}
	for _, m := range o.members(g) {
		if seen[m] {
			wrong = append(wrong, fmt.Sprintf("has member %s twice", m))
		}
		seen[m] = true
		if gone, exists := departed[m]; gone || !exists {
			wrong = append(wrong, fmt.Sprintf("has member %s, who has departed", m))
		}
	}
	if n := g.Status.Members; n == nil || int(*n) != len(seen) {
		wrong = append(wrong, fmt.Sprintf("has %d members and counts something else", len(seen)))
	}
	return wrong
}

// userHolders are the ids of who stands for a userName, by folded name.
func (o Objects) userHolders() map[string]string {
	live := map[string][]*v1alpha1.CloudSSOUser{}
	for i := range o.Users {
		if u := &o.Users[i]; policy.IsLive(u) {
			live[fold.Name(u.Spec.UserName)] = append(live[fold.Name(u.Spec.UserName)], u)
		}
	}
	holders := map[string]string{}
	for name, users := range live {
		holders[name] = policy.UserHolder(users).Name
	}
	return holders
}

// Born is when each object was created.
func (o Objects) Born() map[string]time.Time {
	born := map[string]time.Time{}
	for i := range o.Users {
		born[o.Users[i].Name] = o.Users[i].CreationTimestamp.Time
	}
	return born
}

// Finals are what the API server holds as the last requests of the histories, by partition.
func (w *Workload) Finals(o Objects) (finals []*Op) {
	clusters, teams := map[string]*Op{}, map[string]*Op{}
	add := func(partition string, group bool) *Op {
		final := &Op{Partition: partition, Group: group, Kind: Final, Outcome: Done, Call: w.History.Now(), Return: Forever}
		finals = append(finals, final)
		return final
	}
	for _, r := range w.rounds {
		for _, c := range append(slices.Clone(r.people), r.circles, r.standing) {
			final := add(c.name, c.group)
			for _, name := range c.names {
				clusters[name] = final
			}
		}
		for _, t := range r.teams {
			teams[t.id] = add(t.partition, true)
			teams[t.id].Subject = t.id
		}
	}
	for i := range o.Users {
		if final := clusters[fold.Name(o.Users[i].Spec.UserName)]; final != nil {
			final.Seen = append(final.Seen, seenUser(&o.Users[i]))
		}
	}
	for i := range o.Groups {
		g := &o.Groups[i]
		if final := clusters[fold.Name(g.Spec.DisplayName)]; final != nil && policy.IsLiveGroup(g) {
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
		Active: u.Spec.Active == nil || *u.Spec.Active, Deprovisioned: !policy.IsLive(u), Manual: u.Spec.Source == v1alpha1.SourceManual,
		Marker: number(u.Spec.Title), Origin: number(u.Spec.NickName),
	}
}

func (o Objects) seenGroup(g *v1alpha1.CloudSSOGroup) Seen {
	s := Seen{ID: g.Name, Name: strings.ToLower(g.Spec.DisplayName), ExternalID: g.Spec.ExternalID, Members: o.members(g)}
	s.Marker = number(s.ExternalID)
	s.Origin = s.Marker
	return s
}

// Second is a second holder of a name: what a create leaves that died before it could look.
type Second struct{ ID, Name string }

// Invariants are the promises about what is there in the end, that no history tells: what was acknowledged
// is there, and no two hold a name that were.
func (o Objects) Invariants(ops []*Op) (violations []Violation, seconds []Second) {
	acknowledged := acknowledged(ops)
	holding, there := map[string][]string{}, map[string]bool{}
	hold := func(kind, name, id string) { holding[kind+" "+name] = append(holding[kind+" "+name], id) }
	for i := range o.Users {
		u := &o.Users[i]
		there[u.Name] = true
		if policy.IsLive(u) {
			hold("userName", fold.Name(u.Spec.UserName), u.Name)
		}
	}
	for i := range o.Groups {
		if g := &o.Groups[i]; policy.IsLiveGroup(g) {
			hold("displayName", fold.Name(g.Spec.DisplayName), g.Name)
		}
	}
	for name, ids := range holding {
		told := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return acknowledged[id] == nil })
		if len(told) > 1 {
			violations = append(violations, Violation{Rule: "at the end", Text: fmt.Sprintf("%s is that of %s, and all were acknowledged", name, strings.Join(told, " and "))})
		}
		for _, id := range ids[1:] {
			seconds = append(seconds, Second{id, name})
		}
	}
	for id, op := range acknowledged {
		if !op.Group && !there[id] {
			violations = append(violations, Violation{"at the end", fmt.Sprintf("user %s, acknowledged by #%d, is gone", id, op.ID), []*Op{op}})
		}
	}
	return violations, seconds
}

// acknowledged are the creates that were answered, by the id that they were answered with.
func acknowledged(ops []*Op) map[string]*Op {
	created := map[string]*Op{}
	for _, op := range ops {
		if op.Kind == Create && op.Outcome == Done {
			created[op.Result] = op
		}
	}
	return created
}

// hiddenFor is how long nobody may be shown whom a maker that was killed left in conflict: a minute from when a replica has
// found it, which may be a minute after it was created.
const hiddenFor = 2 * time.Minute

// Views checks that every replica shows what the API server holds, and nothing else.
func (r *Replicas) Views(ctx context.Context, o Objects, acknowledged map[string]*Op) (violations []Violation, err error) {
	users, groups, hidden := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for i := range o.Users {
		hidden[o.Users[i].Name] = policy.IsInConflict(&o.Users[i]) && time.Since(o.Users[i].CreationTimestamp.Time) < hiddenFor
		if u := &o.Users[i]; policy.IsLive(u) && u.Spec.Source == v1alpha1.SourceSCIM {
			users[o.Users[i].Name] = true
		}
	}
	for i := range o.Groups {
		hidden[o.Groups[i].Name] = policy.IsGroupInConflict(&o.Groups[i]) && time.Since(o.Groups[i].CreationTimestamp.Time) < hiddenFor
		if policy.IsLiveGroup(&o.Groups[i]) {
			groups[o.Groups[i].Name] = true
		}
	}
	for i := range r.urls {
		wrong, err := r.crowdsThrough(ctx, i, o)
		if err != nil {
			return nil, err
		}
		violations = append(violations, wrong...)
		for path, want := range map[string]map[string]bool{"/Users": users, "/Groups": groups} {
			got, err := r.all(ctx, i, path)
			if err != nil {
				return nil, err
			}
			missing := slices.DeleteFunc(without(want, got), func(id string) bool { return hidden[id] && acknowledged[id] == nil })
			if invented := without(got, want); len(missing)+len(invented) > 0 {
				violations = append(violations, Violation{
					Rule: "at the end",
					Text: fmt.Sprintf("replica %d lists %d of %s, the API server holds %d; not listed: %v; not there: %v", i, len(got), path, len(want), missing, invented),
				})
			}
		}
	}
	return violations, nil
}

// without are the ids of a that are not in b.
func without(a, b map[string]bool) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(a)), func(id string) bool { return b[id] })
}

// all are the ids that a replica lists.
func (r *Replicas) all(ctx context.Context, slot int, path string) (map[string]bool, error) {
	p, err := r.Provider(r.urls[slot])
	if err != nil {
		return nil, err
	}
	defer p.HTTP.CloseIdleConnections()
	ids := map[string]bool{}
	for {
		answer, err := p.Do(ctx, http.MethodGet, fmt.Sprintf("%s?attributes=id&startIndex=%d&count=200", path, len(ids)+1), "")
		if err != nil {
			return nil, err
		}
		page := answer.IDs()
		for _, id := range page {
			ids[id] = true
		}
		if len(page) == 0 || len(ids) >= answer.Total() {
			return ids, nil
		}
	}
}
