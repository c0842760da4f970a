package nameclaim_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
)

// TestOnAnAPIServer holds the package to a real API server: what it does with resourceVersions, preconditions and
// updates that change nothing is what the claims rest on.
func TestOnAnAPIServer(t *testing.T) {
	server := start(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T, replica)
	}{
		{"one of the creators of a name wins, on two replicas", server.testRace},
		{"the name of a deprovisioned user is free at once", testTakeOver},
		{"a refresh changes the resourceVersion within one microsecond", testRefresh},
		{"a claim is released only as it was read", testRelease},
		{"a refused create releases the claim, and no other failure does", testFailedCreate},
		{"a claim that is left over is taken over after a minute", testLeftOver},
		{"a live user without a claim gets one", testUnclaimed},
		{"a rename moves the claim, and a deletion releases it", testRenameAndDelete},
		{"a name has a holder while claim and user agree", testHolder},
		{"a claim of another name with the same metadata.name is reported", testCollision},
		{"users and groups do not share names", testKinds},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, server.newReplica(t, server.newNamespace(t))) })
	}
}

// apiServer runs for the whole test.
type apiServer struct{ plane *controlplane.ControlPlane }

// replica is one process of the operator.
type replica struct {
	client.Client
	*nameclaim.Claims
	namespace   string
	clock       *clock
	index       *index
	contentions *atomic.Int64 // attempts that met another writer
}

// index is a cache that shows only what a test has put there.
type index struct{ named []string }

func (i *index) Named(nameclaim.Name) []string { return i.named }

// clock stands still until it is moved.
type clock struct{ now time.Time }

func (c *clock) move(by time.Duration) { c.now = c.now.Add(by) }

func start(t *testing.T) apiServer {
	t.Helper()
	plane, err := controlplane.Start(t.Context(), controlplane.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	return apiServer{plane}
}

func (s apiServer) newReplica(t *testing.T, namespace string) replica {
	t.Helper()
	// The name is what admission knows the operator by, the group is for all rights.
	config, err := s.plane.User(controlplane.OperatorUser, "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	r := replica{Client: c, namespace: namespace, clock: &clock{time.Now()}, index: &index{}, contentions: &atomic.Int64{}}
	r.Claims = nameclaim.New(c, r.index, func() time.Time { return r.clock.now })
	r.Claims.Contention = func(kind v1alpha1.ClaimedKind) {
		if kind == v1alpha1.ClaimedByUser {
			r.contentions.Add(1)
		}
	}
	return r
}

func (s apiServer) newNamespace(t *testing.T) string {
	t.Helper()
	c := s.newReplica(t, "")
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "names-"}}
	if err := c.Client.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	return namespace.Name
}

func (r replica) name(userName string) nameclaim.Name {
	return nameclaim.UserName(r.namespace, userName)
}

// create does a SCIM create without the protocol.
func (r replica) create(ctx context.Context, id, userName string) (takenFrom string, err error) {
	err = r.Claims.Create(ctx, r.name(userName), id, func(acquired nameclaim.Acquired) error {
		if acquired.TakenFrom != nil {
			takenFrom = acquired.TakenFrom.GetName()
		}
		return r.Client.Create(ctx, r.user(id, userName))
	})
	return takenFrom, err
}

func (r replica) user(id, userName string) *v1alpha1.CloudSSOUser {
	return &v1alpha1.CloudSSOUser{
		ObjectMeta: metav1.ObjectMeta{Namespace: r.namespace, Name: id},
		Spec:       v1alpha1.CloudSSOUserSpec{UserName: userName, Source: v1alpha1.SourceSCIM},
	}
}

func (r replica) mustCreate(t *testing.T, id, userName string) {
	t.Helper()
	if _, err := r.create(t.Context(), id, userName); err != nil {
		t.Fatal(err)
	}
}

// change writes the user of that id, as it is now.
func (r replica) change(t *testing.T, id string, change func(*v1alpha1.CloudSSOUser)) {
	t.Helper()
	u := r.user(id, "")
	if err := r.Get(t.Context(), client.ObjectKeyFromObject(u), u); err != nil {
		t.Fatal(err)
	}
	change(u)
	if err := r.Update(t.Context(), u); err != nil {
		t.Fatal(err)
	}
}

func deprovision(u *v1alpha1.CloudSSOUser) {
	u.Spec.DeprovisionedAt = &metav1.Time{Time: time.Now().Truncate(time.Second)}
}

func (r replica) mustAcquire(t *testing.T, userName, id string) nameclaim.Acquired {
	t.Helper()
	acquired, err := r.Acquire(t.Context(), r.name(userName), id)
	if err != nil {
		t.Fatal(err)
	}
	return acquired
}

// claimant returns the holder that the claim on a userName says, "" if there is no claim.
func (r replica) claimant(t *testing.T, userName string) string {
	t.Helper()
	claim := &v1alpha1.CloudSSONameClaim{}
	err := r.Get(t.Context(), r.name(userName).Key(), claim)
	if client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	}
	return claim.Spec.Holder
}

func (r replica) wantClaimant(t *testing.T, userName, holder string) {
	t.Helper()
	if got := r.claimant(t, userName); got != holder {
		t.Errorf("the claim on %q is that of %q, want %q", userName, got, holder)
	}
}

func (s apiServer) testRace(t *testing.T, first replica) {
	const names, creators = 50, 4
	replicas := []replica{first, s.newReplica(t, first.namespace)}
	var all sync.WaitGroup
	var mu sync.Mutex
	winners := map[string][]string{}
	for n := range names {
		for c := range creators {
			id := fmt.Sprintf("user-%d-%d", n, c)
			userName := []string{"User%d@example.com", "uSER%d@example.com"}[c%2]
			all.Go(func() {
				_, err := replicas[c/2].create(t.Context(), id, fmt.Sprintf(userName, n))
				var takenError *nameclaim.TakenError
				var pendingError *nameclaim.PendingError
				if err == nil {
					mu.Lock()
					defer mu.Unlock()
					name := fmt.Sprintf("user%d@example.com", n)
					winners[name] = append(winners[name], id)
				} else if !errors.As(err, &takenError) && !errors.As(err, &pendingError) {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	stored := map[string][]string{}
	var users v1alpha1.CloudSSOUserList
	if err := first.List(t.Context(), &users, client.InNamespace(first.namespace)); err != nil {
		t.Fatal(err)
	}
	for i := range users.Items {
		name := nameclaim.NameOf(&users.Items[i]).Folded
		stored[name] = append(stored[name], users.Items[i].Name)
	}
	for n := range names {
		name := fmt.Sprintf("user%d@example.com", n)
		if len(winners[name]) != 1 || len(stored[name]) != 1 || stored[name][0] != winners[name][0] {
			t.Errorf("%s: created as %v, and stored are %v: want one", name, winners[name], stored[name])
			continue
		}
		first.wantClaimant(t, name, winners[name][0])
	}
}

func testTakeOver(t *testing.T, r replica) {
	r.mustCreate(t, "first", "jane")
	_, err := r.create(t.Context(), "second", "JANE")
	var takenError *nameclaim.TakenError
	if !errors.As(err, &takenError) || takenError.Holder.GetName() != "first" {
		t.Fatalf("the userName of a live user: %v", err)
	}
	if want := fmt.Sprintf(`userName "jane" is already that of CloudSSOUser %s/first`, r.namespace); err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
	r.change(t, "first", deprovision)
	takenFrom, err := r.create(t.Context(), "second", "JANE")
	if err != nil || takenFrom != "first" {
		t.Errorf("taken from %q, want first: %v", takenFrom, err)
	}
	r.wantClaimant(t, "jane", "second")
	if n := r.contentions.Load(); n != 0 {
		t.Errorf("%d attempts have reported another writer, and there was none", n)
	}
}

func testRefresh(t *testing.T, r replica) {
	before := r.mustAcquire(t, "jane", "first")
	after := r.mustAcquire(t, "jane", "first")
	if after.ResourceVersion == before.ResourceVersion {
		t.Error("a refresh left the resourceVersion as it was")
	}
	if after.Spec.AcquiredAt.Sub(before.Spec.AcquiredAt.Time) != time.Microsecond {
		t.Errorf("acquired at %s, then at %s", before.Spec.AcquiredAt, after.Spec.AcquiredAt)
	}
	if before.Labels[v1alpha1.LabelExcludeFromBackup] != "true" {
		t.Error("a backup would contain the claim")
	}
}

func testRelease(t *testing.T, r replica) {
	before := r.mustAcquire(t, "jane", "first")
	now := r.mustAcquire(t, "jane", "first")
	for _, step := range []struct {
		name  string
		claim *v1alpha1.CloudSSONameClaim
		left  string
	}{
		{"no claim", nil, "first"},
		{"a claim that has changed since", before.CloudSSONameClaim, "first"},
		{"a claim that is as it was read", now.CloudSSONameClaim, ""},
		{"a claim that is gone", now.CloudSSONameClaim, ""},
	} {
		if err := r.Release(t.Context(), step.claim); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
		if got := r.claimant(t, "jane"); got != step.left {
			t.Errorf("%s: the claim is that of %q, want %q", step.name, got, step.left)
		}
	}
	r.mustAcquire(t, "jane", "second")
	if err := r.Release(t.Context(), now.CloudSSONameClaim); err != nil {
		t.Error(err)
	}
	r.wantClaimant(t, "jane", "second")
}

func testFailedCreate(t *testing.T, r replica) {
	for n, test := range []struct {
		failure  error
		released bool
	}{
		{statusError(http.StatusBadRequest), true},
		{statusError(http.StatusForbidden), true},
		{statusError(http.StatusRequestEntityTooLarge), true},
		{statusError(http.StatusUnprocessableEntity), true},
		{fmt.Errorf("creating the user: %w", statusError(http.StatusForbidden)), true},
		{statusError(http.StatusUnauthorized), false},
		{statusError(http.StatusNotFound), false},
		{statusError(http.StatusConflict), true}, // at the counter of a quota
		{statusError(http.StatusTooManyRequests), false},
		{statusError(http.StatusInternalServerError), false},
		{statusError(http.StatusServiceUnavailable), false},
		{statusError(http.StatusGatewayTimeout), false},
		{context.DeadlineExceeded, false},
		{errors.New("connection reset by peer"), false},
	} {
		name := fmt.Sprintf("jane%d", n)
		err := r.Claims.Create(t.Context(), r.name(name), "id", func(nameclaim.Acquired) error { return test.failure })
		if !errors.Is(err, test.failure) {
			t.Errorf("%v, want %v", err, test.failure)
		}
		if released := r.claimant(t, name) == ""; released != test.released {
			t.Errorf("%v: released %t, want %t", test.failure, released, test.released)
		}
	}
}

func statusError(code int32) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: code, Message: http.StatusText(int(code))}}
}

func testLeftOver(t *testing.T, r replica) {
	r.mustAcquire(t, "jane", "never-created")
	create := func() error {
		_, err := r.create(t.Context(), "second", "jane")
		return err
	}
	for _, later := range []time.Duration{0, 59 * time.Second} {
		r.clock.move(later)
		before := r.contentions.Load()
		err := create()
		var pendingError *nameclaim.PendingError
		if !errors.As(err, &pendingError) || pendingError.Holder != "never-created" || pendingError.Claim != r.name("jane").Key().Name {
			t.Fatalf("after another %s: %v", later, err)
		}
		if r.contentions.Load() == before {
			t.Error("no attempt has reported another writer")
		}
	}
	r.clock.move(time.Second)
	if err := create(); err != nil {
		t.Fatalf("after a minute: %v", err)
	}
	r.wantClaimant(t, "jane", "second")
}

func testUnclaimed(t *testing.T, r replica) {
	if err := r.Client.Create(t.Context(), r.user("restored", "Jane")); err != nil {
		t.Fatal(err)
	}
	r.index.named = []string{"gone", "restored"}
	_, err := r.create(t.Context(), "second", "jane")
	var takenError *nameclaim.TakenError
	if !errors.As(err, &takenError) || takenError.Holder.GetName() != "restored" {
		t.Errorf("the userName of a live user without a claim: %v", err)
	}
	r.wantClaimant(t, "jane", "restored")
}

func testRenameAndDelete(t *testing.T, r replica) {
	r.mustCreate(t, "first", "jane")
	err := r.Rename(t.Context(), r.name("jane"), r.name("joan"), "first", func() error {
		r.change(t, "first", func(u *v1alpha1.CloudSSOUser) { u.Spec.UserName = "joan" })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r.wantClaimant(t, "jane", "")
	r.wantClaimant(t, "joan", "first")
	failure := errors.New("no connection")
	if err := r.Rename(t.Context(), r.name("joan"), r.name("june"), "first", func() error { return failure }); !errors.Is(err, failure) {
		t.Error(err)
	}
	r.wantClaimant(t, "joan", "first")
	r.wantClaimant(t, "june", "first")
	err = r.Claims.Delete(t.Context(), r.name("joan"), "first", func() error { return r.Client.Delete(t.Context(), r.user("first", "")) })
	if err != nil {
		t.Fatal(err)
	}
	r.wantClaimant(t, "joan", "")
}

func testHolder(t *testing.T, r replica) {
	want := func(userName, id string) {
		t.Helper()
		holder, err := r.Holder(t.Context(), r.name(userName))
		if err != nil {
			t.Fatal(err)
		}
		if got := holder != nil; got != (id != "") || got && holder.GetName() != id {
			t.Errorf("%q is held by %v, want %q", userName, holder, id)
		}
	}
	want("jane", "")
	r.mustAcquire(t, "jane", "first")
	want("jane", "") // the user does not exist yet
	if err := r.Client.Create(t.Context(), r.user("first", "Jane")); err != nil {
		t.Fatal(err)
	}
	want("JANE", "first")
	r.change(t, "first", func(u *v1alpha1.CloudSSOUser) { u.Spec.UserName = "joan" })
	want("jane", "")
	want("joan", "") // it has no claim on that name
	r.change(t, "first", func(u *v1alpha1.CloudSSOUser) { u.Spec.UserName = "jane" })
	want("jane", "first")
	r.change(t, "first", deprovision)
	want("jane", "")
	for id, held := range map[string]bool{"first": true, "second": false} {
		if claim, err := r.HeldBy(t.Context(), r.name("jane"), id); err != nil || (claim != nil) != held {
			t.Errorf("%s holds the claim: %v, %v", id, claim, err)
		}
	}
}

func testCollision(t *testing.T, r replica) {
	key := r.name("jane").Key()
	err := r.Client.Create(t.Context(), &v1alpha1.CloudSSONameClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name},
		Spec:       v1alpha1.CloudSSONameClaimSpec{Kind: v1alpha1.ClaimedByUser, Name: "john", Holder: "john", AcquiredAt: metav1.NowMicro()},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, acquireErr := r.Acquire(t.Context(), r.name("jane"), "first")
	_, heldErr := r.HeldBy(t.Context(), r.name("jane"), "first")
	_, holderErr := r.Holder(t.Context(), r.name("jane"))
	for _, err := range []error{acquireErr, heldErr, holderErr} {
		if err == nil || !strings.Contains(err.Error(), `is on CloudSSOUser "john", not on CloudSSOUser "jane"`) || !strings.Contains(err.Error(), key.String()) {
			t.Errorf("%v", err)
		}
	}
}

func testKinds(t *testing.T, r replica) {
	r.mustAcquire(t, "jane", "first")
	if _, err := r.Acquire(t.Context(), nameclaim.DisplayName(r.namespace, "jane"), "group"); err != nil {
		t.Error(err)
	}
	r.wantClaimant(t, "jane", "first")
}
