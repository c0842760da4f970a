package store_test

import (
	"sync"
	"testing"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// Two replicas do not know of each other's requests, so their writes of one group conflict. Each request gets its turn
// within its time.
func TestManyWritersOfOneGroupAtTwoReplicasAreAllAnswered(t *testing.T) {
	const writers = 100
	for name, members := range map[string]int{"in one list": 0, "in slices": 300} {
		t.Run(name, func(t *testing.T) {
			s := newSliced(t, members+writers, members)
			before := retries.Load()
			var all sync.WaitGroup
			for i, id := range s.users[members:] {
				all.Go(func() { s.change(i%len(s.replicas), scim.AddMembers, id) })
			}
			all.Wait()
			if retries.Load() == before {
				t.Error("no attempt that was overtaken has been reported")
			}
			stored := s.stored()
			for _, id := range s.users {
				if stored[id] != 1 {
					t.Errorf("%s is listed %d times", id, stored[id])
				}
			}
		})
	}
}

// Renames of one user refresh one claim, and write one object.
func TestManyRenamesOfOneUserAtTwoReplicasAreAllAnswered(t *testing.T) {
	first := newDirectory(t)
	both := []*directory{first, first.atOtherReplica()}
	id := first.mustCreate("alice")
	names := []string{"bob", "carol"}
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			_, err := both[i%len(both)].Update(t.Context(), schema.User, id, scim.Change{Attributes: func(o schema.Object) (schema.Object, error) {
				return o.With(schema.UserName, names[i%3%2]), nil
			}})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	name := first.stored(id).Spec.UserName
	if holder := first.claim(name).Spec.Holder; holder != id {
		t.Errorf("%s is claimed for %s", name, holder)
	}
}
