package store

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/fold"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// The naming rule is searched here as it is written, not as a model of it: the real takers of names run
// on replicas whose informers lag as far as a scheduler likes, against a store that has the API
// server's semantics and nothing of its timing. The scheduler decides, step by step, which taker's
// request is carried out next and which replica hears of the next event; two operations are searched
// exhaustively, three at random.

// operation is one concurrent taker, or freer, of a name.
type operation struct {
	label string
	run   func(context.Context, *tenant) error
}

func creates(userName string) operation {
	return operation{"create " + userName, func(ctx context.Context, t *tenant) error {
		_, err := t.Create(ctx, schema.User, schema.Object{{Attribute: schema.UserName, Value: userName}}, nil)
		return err
	}}
}

func renames(id, userName string) operation {
	return operation{"rename " + id + " to " + userName, func(ctx context.Context, t *tenant) error {
		_, err := t.Update(ctx, schema.User, id, scim.Change{Attributes: func(o schema.Object) (schema.Object, error) {
			return o.With(schema.UserName, userName), nil
		}})
		return err
	}}
}

func restores(externalID, userName string) operation {
	return operation{"restore " + externalID + " as " + userName, func(ctx context.Context, t *tenant) error {
		_, err := t.Create(ctx, schema.User, schema.Object{
			{Attribute: schema.UserName, Value: userName},
			{Attribute: schema.ExternalID, Value: externalID},
			{Attribute: schema.Active, Value: true},
		}, nil)
		return err
	}}
}

func deletes(id string) operation {
	return operation{"delete " + id, func(ctx context.Context, t *tenant) error {
		return t.Delete(ctx, schema.User, id, nil)
	}}
}

func disables(id string) operation {
	return operation{"disable " + id, func(ctx context.Context, t *tenant) error {
		_, err := t.Update(ctx, schema.User, id, scim.Change{Attributes: func(o schema.Object) (schema.Object, error) {
			return o.With(schema.Active, false), nil
		}})
		return err
	}}
}

// existing is a user who is there before the operations begin.
func existing(id, userName, externalID string, deprovisioned bool) *v1alpha1.CloudSSOUser {
	u := &v1alpha1.CloudSSOUser{
		ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: id, UID: types.UID(id), Generation: 1, Annotations: map[string]string{"kept": "yes"}},
		Spec:       v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceSCIM, UserName: userName, ExternalID: externalID},
	}
	if deprovisioned {
		u.Spec.DeprovisionedAt = &metav1.Time{Time: time.Unix(1, 0)}
	}
	return u
}

var stores = map[string][]*v1alpha1.CloudSSOUser{
	"empty":              {},
	"s=X":                {existing("s", "x", "", false)},
	"s=Y":                {existing("s", "y", "", false)},
	"s=X gone":           {existing("s", "x", "e", true)},
	"s=Y, z=Z":           {existing("s", "y", "", false), existing("z", "z", "", false)},
	"s=X gone, z=Z":      {existing("s", "x", "e", true), existing("z", "z", "", false)},
	"s=X gone, z=X gone": {existing("s", "x", "e", true), existing("z", "x", "f", true)},
}

var operations = []operation{
	creates("x"), creates("X"), renames("s", "x"), renames("z", "x"), renames("s", "z"),
	restores("e", "x"), restores("f", "x"), deletes("s"), deletes("z"),
}

func labels(ops []operation) string {
	var all []string
	for _, op := range ops {
		all = append(all, op.label)
	}
	return strings.Join(all, " ∥ ")
}

func TestTwoTakersOfAName(t *testing.T) {
	for label, objects := range stores {
		t.Run(label, func(t *testing.T) {
			for i, a := range operations {
				for _, b := range operations[i:] {
					if pair := []operation{a, b}; !exhaust(t, objects, pair) {
						t.Logf("%s: sampled", labels(pair))
						for range randomRuns {
							play(t, objects, pair, false, rand.IntN)
						}
					}
				}
			}
		})
	}
}

// randomRuns is how many schedules are drawn where they are drawn.
const randomRuns = 100

func TestThreeTakersOfANameAtRandom(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for label, objects := range stores {
		t.Run(label, func(t *testing.T) {
			for range randomRuns {
				var picked []operation
				for range 3 {
					picked = append(picked, operations[random.IntN(len(operations))])
				}
				play(t, objects, picked, false, random.IntN)
			}
		})
	}
}

// maxSchedules bounds the search of one pair. Most have some tens or hundreds of schedules; two takers on
// one object overtake each other again and again, and have more than anybody would wait for.
const maxSchedules = 200

// exhaust plays every schedule, depth first: the last choice that has an alternative takes it. It says
// whether it came to the end.
func exhaust(t *testing.T, objects []*v1alpha1.CloudSSOUser, ops []operation) (complete bool) {
	t.Helper()
	var prefix, before []int
	for range maxSchedules {
		var taken, options []int
		play(t, objects, ops, true, func(n int) int {
			choice := 0
			if len(taken) < len(prefix) {
				choice = min(prefix[len(taken)], n-1)
			}
			taken, options = append(taken, choice), append(options, n)
			return choice
		})
		if n := len(prefix); len(options) < n || !slices.Equal(options[:n], before[:n]) {
			t.Fatalf("%s: schedule %v, played again, took another course", labels(ops), prefix)
		}
		before = options
		last := len(taken) - 1
		for last >= 0 && taken[last] == options[last]-1 {
			last--
		}
		if last < 0 {
			return true
		}
		prefix = append(taken[:last:last], taken[last]+1)
	}
	return false
}

// play runs the operations under one schedule and checks what must be true in the end. A schedule that is to take the
// same course again has what is heard in one step there at once; otherwise whoever waits may look in between.
func play(t *testing.T, objects []*v1alpha1.CloudSSOUser, ops []operation, atOnce bool, choose func(int) int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(objects)
		s.atOnce = atOnce
		outcomes := make([]error, len(ops))
		for i, op := range ops {
			replica := s.join(i)
			s.begin(func() { outcomes[i] = op.run(t.Context(), replica) })
		}
		s.finish(t, choose)
		if problem := s.judge(); problem != "" {
			var ended []string
			for i, op := range ops {
				ended = append(ended, fmt.Sprintf("%s → %v", op.label, outcomes[i]))
			}
			t.Fatalf("%s\n  operations: %s\n  schedule: %s", problem, strings.Join(ended, "; "), strings.Join(s.trace, " | "))
		}
	})
}

// begin starts an operation, which goes as far as its first request.
func (s *stage) begin(operation func()) {
	s.running++
	go func() {
		operation()
		s.mu.Lock()
		s.running--
		s.mu.Unlock()
	}()
}

// underWay is the label of each request that waits for the store.
func (s *stage) underWay() (labels []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.pending {
		labels = append(labels, r.label)
	}
	return labels
}

// finish takes steps until all operations have ended.
func (s *stage) finish(t *testing.T, choose func(int) int) {
	t.Helper()
	for synctest.Wait(); s.running > 0; synctest.Wait() {
		steps := s.steps()
		if len(steps) == 0 {
			t.Fatalf("stuck after %s", s.trace)
		}
		step := steps[choose(len(steps))]
		s.trace = append(s.trace, step.label)
		step.do()
	}
}

// Whoever was acknowledged to have left is found by a replica that has not heard of it: a 409 would lock the
// person out.
func TestALeaverIsFoundByAReplicaThatIsBehind(t *testing.T) {
	leave := map[string]operation{"deleted": deletes("s"), "disabled": disables("s")}
	for label, op := range leave {
		t.Run(label, func(t *testing.T) {
			for range randomRuns {
				synctest.Test(t, func(t *testing.T) {
					s := newStage([]*v1alpha1.CloudSSOUser{existing("s", "x", "e", false)})
					first, behind := s.join(0), s.join(1)
					s.begin(func() { _ = op.run(t.Context(), first) })
					s.finish(t, rand.IntN)
					var restored *scim.Resource
					var err error
					s.begin(func() {
						restored, err = behind.Create(t.Context(), schema.User, schema.Object{
							{Attribute: schema.UserName, Value: "x"}, {Attribute: schema.ExternalID, Value: "e"}, {Attribute: schema.Active, Value: true},
						}, nil)
					})
					s.finish(t, rand.IntN)
					if err != nil || restored.ID != "s" {
						t.Fatalf("%v, %v after %s", restored, err, strings.Join(s.trace, " | "))
					}
				})
			}
		})
	}
}

// A name that was left is free for a replica that has not heard of it.
func TestAFreeNameIsNotRefusedByAReplicaThatIsBehind(t *testing.T) {
	for _, taker := range []operation{creates("x"), renames("z", "x")} {
		t.Run(taker.label, func(t *testing.T) {
			for range randomRuns {
				synctest.Test(t, func(t *testing.T) {
					s := newStage([]*v1alpha1.CloudSSOUser{existing("s", "x", "", false), existing("z", "z", "", false)})
					first, behind := s.join(0), s.join(1)
					s.begin(func() { _ = deletes("s").run(t.Context(), first) })
					s.finish(t, rand.IntN)
					var err error
					s.begin(func() { err = taker.run(t.Context(), behind) })
					s.finish(t, rand.IntN)
					if err != nil {
						t.Fatalf("%v after %s", err, strings.Join(s.trace, " | "))
					}
				})
			}
		})
	}
}

// stage is the store, and the replicas that hear of it late.
type stage struct {
	objects  map[string]*v1alpha1.CloudSSOUser
	revision uint64
	events   []event
	replicas []*replicaView
	trace    []string
	atOnce   bool // what a replica hears in one step is all there before anybody looks

	mu      sync.Mutex // operations arrive side by side; steps are taken one at a time
	pending []*request
	running int
}

// port is one replica's way to the store.
type port struct {
	client.Client // what is not implemented here must not be called
	*stage
	replica int
}

type event struct {
	object  *v1alpha1.CloudSSOUser
	deleted bool
}

type replicaView struct {
	tenant *tenant
	heard  int
}

// request is a call to the API server that waits for its turn.
type request struct {
	replica int
	label   string
	do      func()
	done    chan struct{}
}

type step struct {
	label string
	do    func()
}

func newStage(objects []*v1alpha1.CloudSSOUser) *stage {
	s := &stage{objects: map[string]*v1alpha1.CloudSSOUser{}}
	for _, o := range objects {
		s.put(o.DeepCopy())
	}
	return s
}

// join adds a replica that has heard of everything so far.
func (s *stage) join(i int) *tenant {
	ids := 0
	p := &port{stage: s, replica: i}
	d := New(Config{
		Client: p, Relists: &Relists{}, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		Emit:  func(runtime.Object, string, string, string) {},
		NewID: func() string { ids++; return fmt.Sprintf("r%d-%d", i, ids) },
	})
	view := &replicaView{tenant: &tenant{Directories: d, namespace: "acme"}}
	d.users.fence.touch = func(context.Context) (revision uint64, err error) { // no sentinel: it would be one more user
		p.wait("touch", func() { revision = s.revision })
		return revision, nil
	}
	nobody := func(context.Context) (uint64, error) { return 0, nil } // there are no groups
	d.groups.fence.touch, d.slices.fence.touch = nobody, nobody
	s.replicas = append(s.replicas, view)
	s.deliver(view, len(s.events))
	return view.tenant
}

// awaited is how many events the replica must have heard for its operation to go on: revisions count
// events.
func (v *replicaView) awaited() int { return int(v.tenant.users.index.waiting[0].revision) }

// deliver lets a replica hear of the first so many events.
func (s *stage) deliver(view *replicaView, upTo int) {
	if s.atOnce {
		defer view.hold()()
	}
	for ; view.heard < upTo; view.heard++ {
		if e := s.events[view.heard]; e.deleted {
			view.tenant.users.index.OnDelete(e.object)
		} else {
			view.tenant.users.index.observe(e.object)
		}
	}
}

// hold keeps whoever waits for the index from looking until it is let go.
func (v *replicaView) hold() (letGo func()) {
	x := v.tenant.users.index
	x.mu.Lock()
	defer x.mu.Unlock()
	waiting, changed := x.waiting, x.changed
	x.waiting, x.changed = nil, nil
	return func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.waiting, x.changed = waiting, changed
		x.advance(x.seen.Load())
		x.tell()
	}
}

// steps are what can happen next. What a replica hears matters to its own operation alone, and only when
// that goes on: so events are delivered then, as many as one likes.
func (s *stage) steps() (steps []step) {
	slices.SortFunc(s.pending, func(a, b *request) int { return a.replica - b.replica })
	waits := map[int]bool{}
	for _, r := range s.pending {
		waits[r.replica] = true
		view := s.replicas[r.replica]
		for upTo := view.heard; upTo <= len(s.events); upTo++ {
			steps = append(steps, step{fmt.Sprintf("%d hears %d: %s", r.replica, upTo, r.label), func() {
				s.deliver(view, upTo)
				s.pending = slices.DeleteFunc(s.pending, func(other *request) bool { return other == r })
				r.do()
				close(r.done)
			}})
		}
	}
	for i, view := range s.replicas {
		if waits[i] || len(view.tenant.users.index.waiting) == 0 {
			continue
		}
		for upTo := view.awaited(); upTo <= len(s.events); upTo++ {
			steps = append(steps, step{fmt.Sprintf("%d hears %d", i, upTo), func() { s.deliver(view, upTo) }})
		}
	}
	return steps
}

// judge says what is wrong in the end, or "".
func (s *stage) judge() string {
	held := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(s.objects)) {
		u := s.objects[name]
		if u.Annotations[v1alpha1.AnnotationReservation] != "" {
			return "reservation left on " + name
		}
		if strings.HasPrefix(name, "s") && u.Annotations["kept"] != "yes" {
			return "annotation of " + name + " lost"
		}
		if u.Spec.DeprovisionedAt != nil {
			continue
		}
		folded := fold.Name(u.Spec.UserName)
		if other := held[folded]; other != "" {
			return fmt.Sprintf("%s is held by %s and by %s", folded, other, name)
		}
		held[folded] = name
	}
	return ""
}

func (s *stage) put(u *v1alpha1.CloudSSOUser) {
	s.revision++
	u.ResourceVersion = strconv.FormatUint(s.revision, 10)
	s.objects[u.Name] = u
	s.events = append(s.events, event{u.DeepCopy(), false})
}

func (s *stage) remove(u *v1alpha1.CloudSSOUser) {
	s.revision++
	u.ResourceVersion = strconv.FormatUint(s.revision, 10)
	delete(s.objects, u.Name)
	s.events = append(s.events, event{u.DeepCopy(), true})
}

func (s *port) wait(label string, do func()) {
	r := &request{replica: s.replica, label: label, do: do, done: make(chan struct{})}
	s.mu.Lock()
	s.pending = append(s.pending, r)
	s.mu.Unlock()
	<-r.done
}

var resource = runtimeschema.GroupResource{Group: "cloudsso.dev", Resource: "cloudssousers"}

func userIn(o client.Object) *v1alpha1.CloudSSOUser {
	u, ok := o.(*v1alpha1.CloudSSOUser)
	if !ok {
		panic(fmt.Sprintf("%T is no user", o))
	}
	return u
}

func (s *port) Create(_ context.Context, o client.Object, _ ...client.CreateOption) error {
	u := userIn(o)
	s.wait("create "+u.Spec.UserName, func() {
		u.Name = fmt.Sprintf("%sn%d", u.GenerateName, s.revision)
		u.UID, u.Generation = types.UID(u.Name), 1
		s.put(u.DeepCopy())
		u.ResourceVersion = s.objects[u.Name].ResourceVersion
	})
	return nil
}

func (s *port) Get(_ context.Context, key client.ObjectKey, o client.Object, _ ...client.GetOption) (err error) {
	s.wait("get "+key.Name, func() {
		if u := s.objects[key.Name]; u != nil {
			u.DeepCopyInto(userIn(o))
			return
		}
		err = apierrors.NewNotFound(resource, key.Name)
	})
	return err
}

// Delete begins the deletion: the finalizers of a new user hold it.
func (s *port) Delete(_ context.Context, o client.Object, _ ...client.DeleteOption) (err error) {
	s.wait("delete "+o.GetName(), func() {
		u := s.objects[o.GetName()]
		if u == nil {
			err = apierrors.NewNotFound(resource, o.GetName())
			return
		}
		u = u.DeepCopy()
		u.DeletionTimestamp = &metav1.Time{Time: time.Unix(2, 0)}
		s.put(u)
	})
	return err
}

func (s *port) Patch(_ context.Context, o client.Object, p client.Patch, _ ...client.PatchOption) (err error) {
	name := o.GetName()
	data, _ := p.Data(o)
	s.wait(fmt.Sprintf("patch %s %s", name, data), func() {
		u := s.objects[name]
		if u == nil {
			err = apierrors.NewNotFound(resource, name)
			return
		}
		next, failed := patched(u, data)
		if failed != nil {
			err = apierrors.NewGenericServerResponse(422, "", runtimeschema.GroupResource{}, "", failed.Error(), 0, false)
			return
		}
		if u.DeletionTimestamp != nil && len(next.Finalizers) == 0 {
			s.remove(next)
		} else {
			s.put(next)
		}
		next.DeepCopyInto(userIn(o))
	})
	return err
}

func patched(u *v1alpha1.CloudSSOUser, data []byte) (*v1alpha1.CloudSSOUser, error) {
	before, err := json.Marshal(u)
	if err != nil {
		return nil, err
	}
	p, err := jsonpatch.DecodePatch(data)
	if err != nil {
		return nil, err
	}
	after, err := p.Apply(before)
	if err != nil {
		return nil, err
	}
	next := &v1alpha1.CloudSSOUser{}
	if err := json.Unmarshal(after, next); err != nil {
		return nil, err
	}
	if was, _ := json.Marshal(u.Spec); string(was) != func() string { is, _ := json.Marshal(next.Spec); return string(is) }() {
		next.Generation++
	}
	return next, nil
}
