package chaos

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// rateLimitPause is how long a check waits after 429.
const rateLimitPause = time.Second

// CheckInvariants checks what must hold of the objects at the end and that no history shows: acknowledged users exist, no
// two acknowledged live objects have one name, each holds the claim of its name, and no id is used twice.
func (o Objects) CheckInvariants(ops []*Op) (violations []Violation) {
	acknowledged, holders := acknowledgedNames(ops), o.holders()
	report := func(format string, args ...any) {
		violations = append(violations, Violation{Rule: "at the end", Text: fmt.Sprintf(format, args...)})
	}
	for key, ids := range o.named() {
		told := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !acknowledged[id][key.name] })
		if len(told) > 1 {
			report("%s is that of %s, and all were acknowledged", key, strings.Join(told, " and "))
		}
		for _, id := range told {
			if holders[key] != id {
				report("%s of %s was acknowledged, and its claim is that of %q", key, id, holders[key])
			}
		}
	}
	claims := map[claimKey]string{}
	for i := range o.Claims {
		c := &o.Claims[i]
		key := claimKey{c.Spec.Kind, c.Spec.Name}
		if other, found := claims[key]; found {
			report("%s has two claims, %s and %s", key, other, c.Name)
		}
		claims[key] = c.Name
	}
	exists, created := o.Exists(), map[string]*Op{}
	for _, op := range ops {
		if op.Kind != Create || op.Outcome != Done {
			continue
		}
		if first := created[op.Result]; first != nil && op.Group {
			violations = append(violations, Violation{"at the end", fmt.Sprintf("#%d and #%d created two groups with the id %s", first.ID, op.ID, op.Result), []*Op{first, op}})
		}
		created[op.Result] = op
		if !op.Group && !exists[op.Result] {
			violations = append(violations, Violation{"at the end", fmt.Sprintf("user %s, acknowledged by #%d, does not exist", op.Result, op.ID), []*Op{op}})
		}
	}
	return violations
}

// visible returns the ids that SCIM has to list: live objects of source SCIM that are not hidden.
func (o Objects) visible() (users, groups map[string]bool) {
	users, groups = map[string]bool{}, map[string]bool{}
	hidden := o.hidden()
	for i := range o.Users {
		if u := &o.Users[i]; isLive(u) && u.Spec.Source == v1alpha1.SourceSCIM && !hidden[u.Name] {
			users[u.Name] = true
		}
	}
	for i := range o.Groups {
		if g := &o.Groups[i]; !isTerminating(g) && !hidden[g.Name] {
			groups[g.Name] = true
		}
	}
	return users, groups
}

// CheckViews checks that every replica shows what the API server holds, and nothing else.
func (r *Replicas) CheckViews(ctx context.Context, o Objects) (violations []Violation, err error) {
	users, groups := o.visible()
	for i := range r.urls {
		for _, check := range []func(context.Context, int, Objects) ([]Violation, error){r.checkLargeGroups, r.checkNotFound} {
			wrong, err := check(ctx, i, o)
			if err != nil {
				return nil, err
			}
			violations = append(violations, wrong...)
		}
		for path, want := range map[string]map[string]bool{"/Users": users, "/Groups": groups} {
			got, err := r.all(ctx, i, path)
			if err != nil {
				return nil, err
			}
			if missing, invented := difference(want, got), difference(got, want); len(missing)+len(invented) > 0 {
				violations = append(violations, Violation{
					Rule: "at the end",
					Text: fmt.Sprintf("replica %d lists %d of %s, the API server holds %d; not listed: %s; listed only: %s", i, len(got), path, len(want), listed(missing), listed(invented)),
				})
			}
		}
	}
	return violations, nil
}

// checkNotFound checks that a replica answers 404 for the ids of deprovisioned users and of hidden objects.
func (r *Replicas) checkNotFound(ctx context.Context, slot int, o Objects) (violations []Violation, err error) {
	p, err := r.Provider(r.urls[slot])
	if err != nil {
		return nil, err
	}
	defer p.HTTP.CloseIdleConnections()
	for _, path := range o.notFound() {
		answer, err := p.Do(ctx, http.MethodGet, path, "")
		for err == nil && answer.Status == http.StatusTooManyRequests {
			pause(ctx, rateLimitPause)
			answer, err = p.Do(ctx, http.MethodGet, path, "")
		}
		if err != nil {
			return nil, err
		}
		if answer.Status != http.StatusNotFound {
			violations = append(violations, Violation{Rule: "at the end", Text: fmt.Sprintf("replica %d answers %d for %s", slot, answer.Status, path)})
		}
	}
	return violations, nil
}

// notFound returns the paths of objects that exist and that SCIM must not show.
func (o Objects) notFound() (paths []string) {
	users, groups := o.visible()
	for i := range o.Users {
		if u := &o.Users[i]; u.Spec.Source == v1alpha1.SourceSCIM && !users[u.Name] {
			paths = append(paths, "/Users/"+u.Name)
		}
	}
	for i := range o.Groups {
		if g := &o.Groups[i]; !groups[g.Name] {
			paths = append(paths, "/Groups/"+g.Name)
		}
	}
	return paths
}

// difference returns the ids of a that are not in b.
func difference(a, b map[string]bool) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(a)), func(id string) bool { return b[id] })
}

// all returns the ids that a replica lists.
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
