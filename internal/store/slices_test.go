package store_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/informer"
	"github.com/cloudsso/cloudsso-operator/internal/priority"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// sliced is a sliced group and two replicas.
type sliced struct {
	*testing.T
	replicas  [2]scim.Store
	namespace string
	users     []string
	group     string
}

func newSliced(t *testing.T, users, members int) *sliced {
	t.Helper()
	s := &sliced{T: t, namespace: newNamespace(t)}
	for i := range s.replicas {
		s.replicas[i] = replicas[i].In(s.namespace)
	}
	objects := make([]client.Object, users)
	for i := range objects {
		s.users = append(s.users, fmt.Sprintf("member-%d", i))
		objects[i] = &v1alpha1.CloudSSOUser{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: s.users[i]},
			Spec:       v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceSCIM, UserName: s.users[i], Active: new(true)},
		}
	}
	writer, err := client.New(operator, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	createAll(t, writer, objects...)
	g, err := s.replicas[0].Create(t.Context(), schema.Group, schema.Object{}.With(schema.GroupDisplayName, "Sliced"), s.users[:members])
	if err != nil {
		t.Fatal(err)
	}
	s.group = g.ID
	return s
}

// createAll creates objects several at a time, because one by one they would take most of the time of a test.
func createAll(t *testing.T, writer client.Client, objects ...client.Object) {
	t.Helper()
	var creates errgroup.Group
	creates.SetLimit(8)
	for _, o := range objects {
		creates.Go(func() error { return writer.Create(t.Context(), o) })
	}
	if err := creates.Wait(); err != nil {
		t.Fatal(err)
	}
}

func (s *sliced) change(replica int, op scim.MemberOp, ids ...string) {
	s.Helper()
	if _, err := s.replicas[replica].Update(s.Context(), schema.Group, s.group, scim.Change{Members: []scim.MemberChange{{Op: op, IDs: ids}}}); err != nil {
		s.Error(err)
	}
}

// stored returns how often each member is listed, at the API server.
func (s *sliced) stored() map[string]int {
	s.Helper()
	var g v1alpha1.CloudSSOGroup
	if err := admin.Get(s.Context(), client.ObjectKey{Namespace: s.namespace, Name: s.group}, &g); err != nil {
		s.Fatal(err)
	}
	var all v1alpha1.CloudSSOMembershipSliceList
	if err := admin.List(s.Context(), &all, client.InNamespace(s.namespace)); err != nil {
		s.Fatal(err)
	}
	count := map[string]int{}
	for _, m := range g.Spec.Members {
		count[m.Name]++
	}
	for _, slice := range all.Items {
		if n := len(slice.Spec.Members); n > v1alpha1.SliceSize {
			s.Errorf("a slice of %d members", n)
		}
		for _, m := range slice.Spec.Members {
			count[m.Name]++
		}
	}
	return count
}

func TestAChangeOfAGroupWaitsForADeactivationAndIsDone(t *testing.T) {
	d := newReplica(t, &informer.Sources{})
	d.Priority = &priority.Gate{}
	crew := d.In(newNamespace(t))
	g, err := crew.Create(t.Context(), schema.Group, schema.Object{}.With(schema.GroupDisplayName, "Crew"), nil)
	if err != nil {
		t.Fatal(err)
	}
	deactivation := d.Priority.New()
	deactivation.Begin()
	defer deactivation.End()
	began := time.Now()
	changed, err := crew.Update(t.Context(), schema.Group, g.ID, scim.Change{Attributes: func(a schema.Object) (schema.Object, error) {
		return a.With(schema.GroupDisplayName, "All hands"), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if waited := time.Since(began); waited < 200*time.Millisecond || changed.Attributes.String(schema.GroupDisplayName) != "All hands" {
		t.Errorf("%v after %s", changed.Attributes, waited)
	}
}

func TestAMemberThatTwoReplicasAddIsListedOnce(t *testing.T) {
	s := newSliced(t, 340, 300)
	for round := range 10 {
		joining := s.users[300+4*round : 304+4*round]
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() { s.change(i%2, scim.AddMembers, joining...) })
		}
		all.Wait()
		for id, n := range s.stored() {
			if n != 1 {
				t.Fatalf("%s is listed %d times", id, n)
			}
		}
	}
	if n := len(s.stored()); n != 340 {
		t.Errorf("%d members", n)
	}
}

// The last acknowledged change of each member holds, while other requests add and remove members at both replicas.
func TestTheLastAcknowledgedChangeOfAMemberHolds(t *testing.T) {
	s := newSliced(t, 330, 300)
	var all sync.WaitGroup
	final := make([]bool, 30) // of the last thirty: whether each is a member in the end
	for i := range final {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 7))
			for range 10 {
				final[i] = random.IntN(2) == 0
				op := scim.RemoveMembers
				if final[i] {
					op = scim.AddMembers
				}
				s.change(random.IntN(2), op, s.users[300+i])
			}
		})
	}
	all.Wait()
	stored := s.stored()
	for i, member := range final {
		if n := stored[s.users[300+i]]; (n == 1) != member || n > 1 {
			t.Errorf("%s is listed %d times, and is a member: %t", s.users[300+i], n, member)
		}
	}
	for i := range 2 {
		eventually(t, func() bool { // a replica shows what the other one has written after the lag of its watch
			r, err := s.replicas[i].Get(t.Context(), schema.Group, s.group, scim.Omit{})
			return err == nil && len(slices.Collect(r.Members)) == len(stored)
		})
	}
}
