package chaos

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/scim/fold"
)

// Suspension is an administrator's edit: spec.suspended of a user set to true. SCIM does not show it.
type Suspension struct {
	User         string
	Call, Return time.Duration
	Done         bool // else it may have been stored or not
}

// suspend suspends one of the users as an administrator does, through the API server. Suspensions are never lifted.
func (p *player) suspend(ctx context.Context, s *nameSet) {
	known, found := s.known(p.random)
	if !found {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, clientTimeout)
	defer cancel()
	environment := p.replicas.Environment
	u := &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Namespace: environment.Namespace, Name: known.ID}}
	suspension := Suspension{User: known.ID, Call: p.history.Now()}
	err := environment.Admin.Patch(ctx, u, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"suspended":true}}`)))
	suspension.Return, suspension.Done = p.history.Now(), err == nil
	p.history.RecordSuspension(suspension)
}

// CheckSuspensions checks three promises: no request lifts a suspension; a user is suspended only if an administrator
// suspended it, or a deprovisioned user of the userName that it was created with; and the next user of a deprovisioned,
// suspended user's name is suspended too.
func (o Objects) CheckSuspensions(ops []*Op, suspensions []Suspension) (violations []Violation) {
	asked, acknowledged := map[string]bool{}, map[string]time.Duration{}
	for _, s := range suspensions {
		asked[s.User] = true
		if first, found := acknowledged[s.User]; s.Done && (!found || s.Return < first) {
			acknowledged[s.User] = s.Return
		}
	}
	report := func(format string, args ...any) {
		violations = append(violations, Violation{Rule: "suspended", Text: fmt.Sprintf(format, args...)})
	}
	for i := range o.Users {
		u := &o.Users[i]
		_, certainly := acknowledged[u.Name]
		if certainly && !u.Spec.Suspended {
			report("user %s was suspended by an administrator, and is not suspended", u.Name)
		}
		if u.Spec.Suspended && !asked[u.Name] && !o.mayInherit(u, ops) {
			report("user %s is suspended, and neither it nor an earlier user of its name was", u.Name)
		}
	}
	for _, c := range ops {
		if predecessor := o.predecessor(c, ops, acknowledged); predecessor != "" {
			if u, found := o.user(c.Result); found && !u.Spec.Suspended {
				violations = append(violations, Violation{"suspended", fmt.Sprintf(
					"user %s, created by #%d, is not suspended; %s, deprovisioned under that name before, is", u.Name, c.ID, predecessor), []*Op{c}})
			}
		}
	}
	return violations
}

// mayInherit reports whether a suspended, deprovisioned user has the name that a user was created with. It does if the
// create is not known.
func (o Objects) mayInherit(u *v1alpha1.CloudSSOUser, ops []*Op) bool {
	known := false
	for _, c := range ops {
		if c.Kind != Create || c.Result != u.Name {
			continue
		}
		known = true
		for i := range o.Users {
			p := &o.Users[i]
			if p.Spec.Suspended && p.Spec.DeprovisionedAt != nil && p.Name != u.Name && fold.Name(p.Spec.UserName) == c.Name {
				return true
			}
		}
	}
	return !known
}

// predecessor returns the suspended, deprovisioned user whose suspension a create must have passed on, or "". The claim
// of the name has to be that user's from its deletion until the create: no other request for that name was under way.
func (o Objects) predecessor(c *Op, ops []*Op, suspended map[string]time.Duration) string {
	if c.Kind != Create || c.Group || c.Outcome != Done || !isFirst(c, ops) {
		return ""
	}
	for _, d := range ops {
		at, certainly := suspended[d.Subject]
		if d.Kind != Delete || d.Group || d.Outcome != Done || d.Return >= c.Call || !certainly || at >= c.Call {
			continue
		}
		if p, found := o.user(d.Subject); found && fold.Name(p.Spec.UserName) == c.Name && !isContended(c, d, ops) {
			return p.Name
		}
	}
	return ""
}

// isFirst reports whether a create made its object: no create before it was given that id, and it was not made by hand.
func isFirst(c *Op, ops []*Op) bool {
	for _, other := range ops {
		if other != c && other.about() == c.Result && other.Writes() && other.Call <= c.Return {
			return false
		}
	}
	return len(c.Result) < len(manualPrefix) || c.Result[:len(manualPrefix)] != manualPrefix
}

// isContended reports whether another request for the name may have been under way between a deletion's call and a
// create's return.
func isContended(c, deletion *Op, ops []*Op) bool {
	for _, other := range ops {
		if other == c || !other.Names() || other.Name != c.Name || other.Outcome == Unsent || other.Outcome == Forbidden {
			continue
		}
		until := other.Return
		if other.Outcome == Unknown {
			until = other.latest()
		}
		if other.Call <= c.Return && until >= deletion.Call {
			return true
		}
	}
	return false
}
