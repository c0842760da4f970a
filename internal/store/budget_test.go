package store_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/informer"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
	"github.com/cloudsso/cloudsso-operator/internal/store"
)

func (d *directory) settings() *v1alpha1.CloudSSODirectory {
	d.t.Helper()
	settings := &v1alpha1.CloudSSODirectory{}
	if err := admin.Get(d.t.Context(), client.ObjectKey{Namespace: d.namespace, Name: v1alpha1.DirectoryName}, settings); err != nil {
		d.t.Fatal(err)
	}
	return settings
}

// setBudget sets the directory's budget, and waits until the replicas know it.
func setBudget(b *v1alpha1.DisablementBudget, replicas ...*directory) {
	d := replicas[0]
	d.t.Helper()
	settings := d.settings()
	settings.Spec.DisablementBudget = b
	if err := admin.Update(d.t.Context(), settings); err != nil {
		d.t.Fatal(err)
	}
	for _, r := range replicas {
		eventually(d.t, func() bool {
			known := r.replica.Directory(settings.Namespace)
			return known != nil && known.Generation == settings.Generation
		})
	}
}

func usersIn(count int32, window time.Duration) *v1alpha1.DisablementBudget {
	return &v1alpha1.DisablementBudget{Count: &count, Window: metav1.Duration{Duration: window}}
}

// counted returns how many deactivations the directory's status has.
func (d *directory) counted() (sum int32) {
	d.t.Helper()
	for _, c := range d.settings().Status.Deactivations {
		sum += c.Count
	}
	return sum
}

func (d *directory) deactivate(requestID, id string) error {
	_, err := d.Update(request(d.t, d.namespace, requestID, "Modify"), schema.User, id, setActive(false))
	return err
}

// isWithheld expects the 429 of a withheld deactivation, and the user as the API server has it to wait for a decision.
func (d *directory) isWithheld(err error, id string, want v1alpha1.WithheldDeactivation) {
	d.t.Helper()
	var answer *scim.Error
	if !errors.As(err, &answer) || answer.Status != http.StatusTooManyRequests || answer.Reason != store.ReasonWithheld || answer.RetryAfter < time.Second {
		d.t.Fatalf("%s: %v", id, err)
	}
	u := d.stored(id)
	if u.Spec.Active != nil && !*u.Spec.Active || u.Spec.DeprovisionedAt != nil || u.Spec.Withheld == nil {
		d.t.Fatalf("%s: %+v", id, u.Spec)
	}
	for _, told := range []string{
		fmt.Sprintf("User %q", id), u.Spec.Withheld.Since.UTC().Format(time.RFC3339),
		"kubectl -n " + d.namespace + " patch cloudssouser --type=merge -p '{\"spec\":{\"withheld\":{\"decision\":\"Apply\"}}}' " + id,
	} {
		if !strings.Contains(answer.Detail, told) {
			d.t.Errorf("the detail does not say %s: %s", told, answer.Detail)
		}
	}
	if got := *u.Spec.Withheld; got.What != want.What || got.RequestID != want.RequestID || got.Credential != "okta" || time.Since(got.Since.Time) > time.Minute || got.Decision != "" {
		d.t.Errorf("%s: withheld is %+v", id, got)
	}
}

func TestDeactivationsBeyondTheBudgetAreWithheldOnEveryReplica(t *testing.T) {
	first := newDirectory(t)
	second := first.atOtherReplica()
	ids := []string{first.mustCreate("ann"), first.mustCreate("ben"), first.mustCreate("cai"), first.mustCreate("dee")}
	setBudget(usersIn(2, time.Hour), first, second)
	for i, d := range []*directory{first, second} {
		if err := d.deactivate("within", ids[i]); err != nil {
			t.Fatal(err)
		}
	}
	cai, dee := ids[2], ids[3]
	before, err := first.Get(t.Context(), schema.User, cai, scim.Omit{})
	if err != nil {
		t.Fatal(err)
	}
	withheld := v1alpha1.WithheldDeactivation{What: v1alpha1.DeactivationDisable, RequestID: "beyond"}
	_, err = first.Update(request(t, first.namespace, "beyond", "Replace"), schema.User, cai, scim.Change{Attributes: func(o schema.Object) (schema.Object, error) {
		return o.With(schema.Active, false).With(schema.UserDisplayName, "Cai"), nil
	}})
	first.isWithheld(err, cai, withheld)

	user, settings := first.stored(cai).ResourceVersion, first.settings().ResourceVersion
	restarted := directoryOf(t, newReplica(t, &informer.Sources{}), first.namespace)
	for _, d := range []*directory{first, second, restarted} {
		d.isWithheld(d.deactivate("repeated", cai), cai, withheld)
	}
	if first.stored(cai).ResourceVersion != user || first.settings().ResourceVersion != settings {
		t.Error("a repeated deactivation was written")
	}
	after, err := restarted.Get(t.Context(), schema.User, cai, scim.Omit{})
	if err != nil || !schema.Equal(before.Attributes, after.Attributes) || !before.LastModified.Equal(after.LastModified) {
		t.Errorf("SCIM shows %+v (%v), before that %+v", after, err, before)
	}

	_, err = restarted.Delete(request(t, first.namespace, "deletion", "Delete"), schema.User, dee, nil)
	restarted.isWithheld(err, dee, v1alpha1.WithheldDeactivation{What: v1alpha1.DeactivationDelete, RequestID: "deletion"})
	if n := first.counted(); n != 2 {
		t.Errorf("%d deactivations are counted", n)
	}
}

func TestWithheldDeactivationIsReleased(t *testing.T) {
	d := newDirectory(t)
	setBudget(usersIn(1, time.Hour), d)
	if err := d.deactivate("within", d.mustCreate("ann")); err != nil {
		t.Fatal(err)
	}
	attributes := schema.Object{}.With(schema.UserName, "ben").With(schema.Active, true).With(schema.ExternalID, "b1")
	for _, test := range []struct {
		name     string
		released bool
		do       func(id string) (*scim.Resource, error)
	}{
		{"not by another attribute", false, func(id string) (*scim.Resource, error) {
			return d.Update(t.Context(), schema.User, id, scim.Change{Attributes: func(o schema.Object) (schema.Object, error) {
				return o.With(schema.UserDisplayName, "Ben"), nil
			}})
		}},
		{"by active: true", true, func(id string) (*scim.Resource, error) {
			return d.Update(t.Context(), schema.User, id, setActive(true))
		}},
		{"by a budget that is raised, with the next request", false, func(id string) (*scim.Resource, error) {
			setBudget(usersIn(2, time.Hour), d)
			defer setBudget(usersIn(1, time.Hour), d)
			err := d.deactivate("repeated", id)
			d.isWithheld(err, id, v1alpha1.WithheldDeactivation{What: v1alpha1.DeactivationDisable, RequestID: "beyond"})
			return d.Get(t.Context(), schema.User, id, scim.Omit{})
		}},
		{"by a create of the same userName and externalId", true, func(string) (*scim.Resource, error) {
			return d.Create(t.Context(), schema.User, attributes, nil)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := d.Create(t.Context(), schema.User, attributes.With(schema.UserName, test.name), nil)
			if err != nil {
				t.Fatal(err)
			}
			attributes = r.Attributes
			d.isWithheld(d.deactivate("beyond", r.ID), r.ID, v1alpha1.WithheldDeactivation{What: v1alpha1.DeactivationDisable, RequestID: "beyond"})
			answer, err := test.do(r.ID)
			if err != nil || answer.ID != r.ID || answer.Attributes.Get(schema.Active) != true {
				t.Fatalf("%+v, %v", answer, err)
			}
			u := d.stored(r.ID)
			if isReleased := u.Spec.Withheld == nil; isReleased != test.released || answer.Effect.Released != (test.released && answer.Effect.Origin == "") {
				t.Errorf("withheld is %+v, effect %+v", u.Spec.Withheld, answer.Effect)
			}
		})
	}
}

// The operator's leader, which would carry the decision out, does not run here.
func TestDeactivationPassesAfterADecisionToApply(t *testing.T) {
	d := newDirectory(t)
	setBudget(usersIn(1, time.Hour), d)
	if err := d.deactivate("within", d.mustCreate("ann")); err != nil {
		t.Fatal(err)
	}
	const disable, remove = v1alpha1.DeactivationDisable, v1alpha1.DeactivationDelete
	request := map[v1alpha1.Deactivation]func(id string) error{
		disable: func(id string) error { return d.deactivate("disablement", id) },
		remove: func(id string) error {
			_, err := d.Delete(request(t, d.namespace, "deletion", "Delete"), schema.User, id, nil)
			return err
		},
	}
	for _, test := range []struct {
		withheld, asked v1alpha1.Deactivation
		stays           bool // for the leader: a deletion takes more than the disablement
	}{{disable, disable, false}, {disable, remove, false}, {remove, remove, false}, {remove, disable, true}} {
		t.Run(fmt.Sprintf("%s withheld, %s asked", test.withheld, test.asked), func(t *testing.T) {
			id := d.mustCreate(fmt.Sprintf("%s-%s", test.withheld, test.asked))
			if err := request[test.withheld](id); status(err) != http.StatusTooManyRequests {
				t.Fatalf("the budget is not used up: %v", err)
			}
			d.asOperator(id, func(u *v1alpha1.CloudSSOUser) { u.Spec.Withheld.Decision = v1alpha1.DecisionApply })
			if err := request[test.asked](id); err != nil {
				t.Error(err)
			}
			u := d.stored(id)
			if isDisabled, isDeleted := !*u.Spec.Active, u.Spec.DeprovisionedAt != nil; isDisabled != (test.asked == disable) || isDeleted != (test.asked == remove) {
				t.Errorf("%+v", u.Spec)
			}
			if stays := u.Spec.Withheld != nil; stays != test.stays || stays && u.Spec.Withheld.Decision != v1alpha1.DecisionApply {
				t.Errorf("withheld is %+v", u.Spec.Withheld)
			}
			if n := d.counted(); n != 1 {
				t.Errorf("%d deactivations are counted", n)
			}
		})
	}
}

func TestNoMoreThanTheBudgetIsDeactivatedByTwoReplicas(t *testing.T) {
	first := newDirectory(t)
	both := []*directory{first, first.atOtherReplica()}
	const users, budget = 30, 7
	ids := make([]string, users)
	for i := range ids {
		ids[i] = first.mustCreate(fmt.Sprintf("user-%d", i))
	}
	setBudget(usersIn(budget, time.Hour), both...)
	answers := make([]int, users)
	var all sync.WaitGroup
	for i, id := range ids {
		all.Go(func() { answers[i] = status(both[i%2].deactivate("mass", id)) })
	}
	all.Wait()
	disabled := 0
	for i, id := range ids {
		u := first.stored(id)
		if isDisabled := !*u.Spec.Active; isDisabled != (answers[i] == 0) || isDisabled == (u.Spec.Withheld != nil) {
			t.Errorf("%s: answer %d, %+v", id, answers[i], u.Spec)
		} else if isDisabled {
			disabled++
		}
	}
	if disabled != budget || first.counted() != budget {
		t.Errorf("%d users are disabled, %d counted", disabled, first.counted())
	}
}

// apiCalls passes a replica's requests on to the API server, and notes them.
type apiCalls struct {
	calls []string
	fail  func(call string) error
}

func (a *apiCalls) note(verb string, o client.Object) error {
	call := fmt.Sprintf("%s %T", verb, o)
	a.calls = append(a.calls, call)
	if a.fail != nil {
		return a.fail(call)
	}
	return nil
}

// newOwnDirectory is newDirectory with a replica of its own, whose client the test may change.
func newOwnDirectory(t *testing.T) *directory {
	t.Helper()
	return directoryOf(t, newReplica(t, &informer.Sources{}), newNamespace(t))
}

// watchCalls notes the requests that a replica sends from now on.
func watchCalls(t *testing.T, d *directory) *apiCalls {
	t.Helper()
	direct, err := client.NewWithWatch(operator, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	a := &apiCalls{}
	d.replica.Client = interceptor.NewClient(direct, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
			return errors.Join(a.note("get", o), c.Get(ctx, key, o, options...))
		},
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.CreateOption) error {
			if err := a.note("create", o); err != nil {
				return err
			}
			return c.Create(ctx, o, options...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, options ...client.PatchOption) error {
			if err := a.note("patch", o); err != nil {
				return err
			}
			return c.Patch(ctx, o, p, options...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, subresource string, o client.Object, p client.Patch, options ...client.SubResourcePatchOption) error {
			if err := a.note("patch "+subresource, o); err != nil {
				return err
			}
			return c.SubResource(subresource).Patch(ctx, o, p, options...)
		},
	})
	return a
}

const (
	writeUser     = "patch *v1alpha1.CloudSSOUser"
	writeCount    = "patch status *v1alpha1.CloudSSODirectory"
	readDirectory = "get *v1alpha1.CloudSSODirectory"
)

func TestBudgetCostsOneWrite(t *testing.T) {
	for _, test := range []struct {
		name   string
		budget *v1alpha1.DisablementBudget
		want   []string
	}{
		{"without a budget", nil, []string{writeUser}},
		{"with a budget", usersIn(100, time.Hour), []string{writeCount, writeUser}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newOwnDirectory(t)
			setBudget(test.budget, d)
			calls := watchCalls(t, d)
			for _, name := range []string{"ann", "ben", "cai"} { // one directly after another: the informer need not show the count
				id := d.mustCreate(name)
				calls.calls = nil
				if err := d.deactivate("within", id); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(calls.calls, test.want) {
					t.Errorf("%s: %q", name, calls.calls)
				}
			}
		})
	}
}

func TestWhatTakesNoEffectIsNotCounted(t *testing.T) {
	d := newDirectory(t)
	setBudget(usersIn(1, time.Hour), d)
	if err := d.deactivate("within", d.mustCreate("ann")); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		do   func(id string) error
	}{
		{"a suspended user is disabled", func(id string) error {
			d.asOperator(id, func(u *v1alpha1.CloudSSOUser) { u.Spec.Suspended = true })
			return d.deactivate("suspended", id)
		}},
		{"a suspended user whose deactivation was withheld is disabled", func(id string) error {
			if status(d.deactivate("beyond", id)) != http.StatusTooManyRequests {
				t.Error("the budget is not used up")
			}
			d.asOperator(id, func(u *v1alpha1.CloudSSOUser) { u.Spec.Suspended = true })
			return d.deactivate("suspended", id)
		}},
		{"a disabled user is deleted", func(id string) error {
			d.asOperator(id, func(u *v1alpha1.CloudSSOUser) { u.Spec.Active = new(false) })
			_, err := d.Delete(t.Context(), schema.User, id, nil)
			return err
		}},
		{"the budget has been removed", func(id string) error {
			if status(d.deactivate("beyond", id)) != http.StatusTooManyRequests {
				t.Error("the budget is not used up")
			}
			setBudget(nil, d)
			defer setBudget(usersIn(1, time.Hour), d)
			return d.deactivate("unbounded", id)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			id := d.mustCreate(test.name)
			if err := test.do(id); err != nil {
				t.Fatal(err)
			}
			if u := d.stored(id); *u.Spec.Active && u.Spec.DeprovisionedAt == nil || u.Spec.Withheld != nil {
				t.Errorf("%+v", u.Spec)
			}
			if n := d.counted(); n != 1 {
				t.Errorf("%d deactivations are counted", n)
			}
		})
	}
}

func TestDeactivationThatFailsIsTakenOffTheCount(t *testing.T) {
	users := v1alpha1.GroupVersion.WithResource("cloudssousers").GroupResource()
	for _, test := range []struct {
		name    string
		failure error
		answer  int // 0 is another error than a *scim.Error
		counted int32
	}{
		{"a request that the API server finds malformed", apierrors.NewBadRequest("no"), 0, 0},
		{"an operator without the right", apierrors.NewForbidden(users, "ann", errors.New("no")), http.StatusServiceUnavailable, 0},
		{"an API server that refuses for its load", apierrors.NewTooManyRequests("later", 1), http.StatusServiceUnavailable, 0},
		{"a user who is too large", apierrors.NewInternalError(errors.New("etcdserver: request is too large")), http.StatusRequestEntityTooLarge, 0},
		{"an unknown outcome stays counted", apierrors.NewInternalError(errors.New("etcdserver: request timed out")), http.StatusServiceUnavailable, 1},
		{"no answer stays counted", errors.New("connection reset by peer"), http.StatusServiceUnavailable, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newOwnDirectory(t)
			setBudget(usersIn(2, time.Hour), d)
			id := d.mustCreate("ann")
			calls := watchCalls(t, d)
			calls.fail = func(call string) error {
				if call == writeUser {
					return test.failure
				}
				return nil
			}
			if err := d.deactivate("failing", id); err == nil || status(err) != test.answer {
				t.Fatalf("%v", err)
			}
			if n := d.counted(); n != test.counted {
				t.Errorf("%d deactivations are counted", n)
			}
			calls.fail = nil
			if err := d.deactivate("within", id); err != nil {
				t.Error(err)
			}
		})
	}
}

// A budget that fails must not keep a leaver's access.
func TestDeactivationThatCannotBeCountedIsCarriedOut(t *testing.T) {
	failure := apierrors.NewForbidden(v1alpha1.GroupVersion.WithResource("cloudssodirectories").GroupResource(), v1alpha1.DirectoryName, errors.New("no"))
	for _, test := range []struct {
		name  string
		fails string
		used  bool // the budget is used up
	}{
		{"the count cannot be written", writeCount, false},
		{"the count cannot be read", readDirectory, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newOwnDirectory(t)
			setBudget(usersIn(1, time.Hour), d)
			if test.used {
				if err := d.deactivate("within", d.mustCreate("ann")); err != nil {
					t.Fatal(err)
				}
			}
			id := d.mustCreate("ben")
			watchCalls(t, d).fail = func(call string) error {
				if call == test.fails {
					return failure
				}
				return nil
			}
			if err := d.deactivate("uncounted", id); err != nil {
				t.Fatal(err)
			}
			if *d.stored(id).Spec.Active {
				t.Error("the user is active")
			}
		})
	}
}

func TestPercentageIsOfTheSynchronizedUsersWithEffect(t *testing.T) {
	d := newDirectory(t)
	manual := &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Namespace: d.namespace, Name: "manual"}, Spec: v1alpha1.CloudSSOUserSpec{UserName: "manual"}}
	if err := admin.Create(t.Context(), manual); err != nil {
		t.Fatal(err)
	}
	ids := make([]string, 6)
	for i := range ids {
		ids[i] = d.mustCreate(fmt.Sprintf("user-%d", i))
	}
	if err := d.deactivate("unbounded", ids[5]); err != nil {
		t.Fatal(err)
	}
	setBudget(&v1alpha1.DisablementBudget{Percent: new(int32(40)), Window: metav1.Duration{Duration: time.Hour}}, d)
	for _, id := range ids[:2] { // 40 % of five
		if err := d.deactivate("within", id); err != nil {
			t.Fatal(err)
		}
	}
	d.isWithheld(d.deactivate("beyond", ids[2]), ids[2], v1alpha1.WithheldDeactivation{What: v1alpha1.DeactivationDisable, RequestID: "beyond"})
}
