package nameclaim

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// operation is one request of a SCIM client, or one edit by hand with the controller that follows it, as the callers
// of the package carry them out. It sees nothing but the answers of its requests.
type operation struct {
	name string
	// on is the user that must exist for the operation to do anything; noUser for one that creates a user.
	on userID
	// run carries it out for that user, or for the user that it creates. It returns the user that the
	// client of a create is told of.
	run func(c *caller, id userID) (outcome, userID)
}

// maxTries bounds how often an operation begins again because its object has changed meanwhile.
const maxTries = 3

var operations = []operation{
	{"create as x", noUser, create(lowerX)},
	{"create as Y", noUser, create(upperY)},
	{"create as X, refused by admission", noUser, createRefused(upperX)},
	{"rename A to X", userA, rename(upperX)},
	{"rename A to x", userA, rename(lowerX)},
	{"rename A to Y", userA, rename(upperY)},
	{"rename B to X", userB, rename(upperX)},
	{"rename B to Y", userB, rename(upperY)},
	{"deprovision A", userA, deprovision},
	{"deprovision B", userB, deprovision},
	{"delete A in two phases", userA, deleteInTwoPhases},
	{"delete B", userB, remove},
	{"delete D", userD, remove},
	{"delete M", userM, remove},
	{"edit D by hand to live X", userD, editByHand(upperX)},
	{"edit D by hand to live Y", userD, editByHand(upperY)},
	{"edit M by hand to X", userM, editByHand(upperX)},
	{"edit M by hand to Y", userM, editByHand(upperY)},
	{"create by hand as X", noUser, createByHand(upperX)},
	{"create by hand as Y", noUser, createByHand(upperY)},
	{"controller sees A", userA, control},
	{"controller sees M", userM, control},
	{"controller sees 1", firstNew, control},
	{"rename 1 to Y", firstNew, rename(upperY)},
}

// create does a POST. A user who has the name is adopted if it is Manual (spec.existingUsers: Adopt), and restored if it is
// of source SCIM: the search takes each for disabled, and for one of the same externalId.
func create(name spelling) func(*caller, userID) (outcome, userID) {
	return func(c *caller, id userID) (outcome, userID) { return createUserObject(c, newUserObject(id, name)) }
}

// createRefused does a POST of a user that an admission policy refuses.
func createRefused(name spelling) func(*caller, userID) (outcome, userID) {
	return func(c *caller, id userID) (outcome, userID) {
		u := newUserObject(id, name)
		u.Annotations = map[string]string{refuse: "true"}
		return createUserObject(c, u)
	}
}

func createUserObject(c *caller, u *v1alpha1.CloudSSOUser) (outcome, userID) {
	ctx, name := context.Background(), NameOf(u)
	if c.rule == claimBeforeObject {
		if err := c.told(u.Spec.UserName).Create(ctx, u); err != nil {
			return failed, noUser
		}
		_, err := c.claims.Acquire(ctx, name, u.Name)
		return result(c, err, u)
	}
	return result(c, c.claims.Create(ctx, name, u.Name, func(Acquired) error { return c.told(u.Spec.UserName).Create(ctx, u) }), u)
}

// result returns the answer to the client, after the user who has the name already was adopted or restored.
func result(c *caller, err error, u *v1alpha1.CloudSSOUser) (outcome, userID) {
	var takenError *TakenError
	var pendingError *PendingError
	switch {
	case err == nil:
		return created, idOf(u.Name)
	case errors.As(err, &takenError):
		if holder, isUser := takenError.Holder.(*v1alpha1.CloudSSOUser); isUser {
			return adopt(c, holder, u.Spec.UserName)
		}
		return failed, noUser
	case errors.As(err, &pendingError):
		return pending, noUser
	}
	return failed, noUser
}

// adopt refreshes the claim before it writes, because the user may have it only since an edit by hand that no
// controller has seen yet. A request that read the claim before that edit then cannot take it over any more.
func adopt(c *caller, u *v1alpha1.CloudSSOUser, userName string) (outcome, userID) {
	ctx := context.Background()
	if c.rule != refreshBeforeAdoption {
		if _, err := c.claims.Acquire(ctx, NameOf(u), u.Name); err != nil {
			return failed, noUser
		}
	}
	u.Spec.Source, u.Spec.UserName = v1alpha1.SourceSCIM, userName
	if err := c.told(userName).Update(ctx, u); err != nil {
		return failed, noUser
	}
	return created, idOf(u.Name)
}

// rename does a PUT or PATCH that changes the userName.
func rename(name spelling) func(*caller, userID) (outcome, userID) {
	return func(c *caller, id userID) (outcome, userID) {
		ctx, u := context.Background(), c.user(id)
		if u == nil || !policy.IsLive(u) || u.Spec.UserName == name.String() {
			return done, noUser
		}
		from := NameOf(u)
		write := func() error {
			u.Spec.UserName = name.String()
			return c.told(name.String()).Update(ctx, u)
		}
		to := UserName(namespace, name.String())
		if c.rule == keepAfterFailure {
			return renameAndRelease(c, from, to, id, write)
		}
		return orAgain(c.claims.Rename(ctx, from, to, id.String(), write))
	}
}

// renameAndRelease does what Claims.Rename does, but releases the new claim if the write fails.
func renameAndRelease(c *caller, from, to Name, id userID, write func() error) (outcome, userID) {
	ctx := context.Background()
	old, err := c.claims.HeldBy(ctx, from, id.String())
	if err != nil {
		return failed, noUser
	}
	acquired, err := c.claims.Acquire(ctx, to, id.String())
	if err != nil {
		return failed, noUser
	}
	if err := write(); err != nil {
		_ = c.claims.Release(ctx, acquired.CloudSSONameClaim)
		return orAgain(err)
	}
	_ = c.claims.Release(ctx, old)
	return done, noUser
}

// deprovision does a SCIM DELETE of a user.
func deprovision(c *caller, id userID) (outcome, userID) {
	u := c.user(id)
	if u == nil || !policy.IsLive(u) {
		return done, noUser
	}
	u.Spec.DeprovisionedAt = &metav1.Time{Time: now}
	return orAgain(c.Update(context.Background(), u))
}

// remove deletes a user as a person does.
func remove(c *caller, id userID) (outcome, userID) {
	ctx, u := context.Background(), c.user(id)
	if u == nil {
		return done, noUser
	}
	return orAgain(c.claims.Delete(ctx, NameOf(u), id.String(), func() error {
		return c.Delete(ctx, u, client.Preconditions{ResourceVersion: &u.ResourceVersion})
	}))
}

// deleteInTwoPhases does a deletion that the guard holds, and what the controller does that lets the user go: first it takes the
// guard's finalizer away, with which the user ceases to be live, then the claim, then the last finalizer.
func deleteInTwoPhases(c *caller, id userID) (outcome, userID) {
	ctx, u := context.Background(), c.user(id)
	if u == nil {
		return done, noUser
	}
	if u.DeletionTimestamp == nil {
		if err := c.Delete(ctx, u); err != nil {
			return done, noUser
		}
		if u = c.user(id); u == nil {
			return done, noUser
		}
	}
	err := c.claims.Delete(ctx, NameOf(u), id.String(), func() error {
		u.Finalizers = []string{v1alpha1.FinalizerMemberships}
		return c.Update(ctx, u)
	})
	if err != nil {
		return orAgain(err)
	}
	u.Finalizers = nil
	return orAgain(c.Update(ctx, u))
}

// editByHand gives a user a name, and a controller looks at it.
func editByHand(name spelling) func(*caller, userID) (outcome, userID) {
	return func(c *caller, id userID) (outcome, userID) {
		if err := c.editByHand(id, name); err != nil {
			return done, noUser
		}
		return control(c, id)
	}
}

// createByHand creates a Manual user, and a controller looks at it.
func createByHand(name spelling) func(*caller, userID) (outcome, userID) {
	return func(c *caller, id userID) (outcome, userID) {
		u := newUserObject(id, name)
		u.Spec.Source = v1alpha1.SourceManual
		if err := c.Create(context.Background(), u); err != nil {
			return done, noUser
		}
		return control(c, id)
	}
}

// control does what a controller does with a user: it acquires the name, writes that into status, and releases the name
// that status said before.
func control(c *caller, id userID) (outcome, userID) {
	ctx, u := context.Background(), c.user(id)
	if u == nil || !policy.IsLive(u) {
		return done, noUser
	}
	name, before := NameOf(u), UserName(namespace, u.Status.ClaimedName)
	var old *v1alpha1.CloudSSONameClaim
	if u.Status.ClaimedName != "" && before != name {
		var err error
		if old, err = c.claims.HeldBy(ctx, before, id.String()); err != nil {
			return failed, noUser
		}
	}
	acquired, err := c.claims.Acquire(ctx, name, id.String())
	if err != nil {
		return failed, noUser
	}
	u.Status.ClaimedName = u.Spec.UserName
	if err := c.told(u.Spec.UserName).updateStatus(u); err != nil {
		if c.rule == keepAfterFailure {
			_ = c.claims.Release(ctx, acquired.CloudSSONameClaim)
		}
		return failed, noUser
	}
	_ = c.claims.Release(ctx, old)
	return done, noUser
}

// user reads a user, nil if there is none.
func (c *caller) user(id userID) *v1alpha1.CloudSSOUser {
	u := &v1alpha1.CloudSSOUser{}
	if err := c.Get(context.Background(), client.ObjectKey{Namespace: namespace, Name: id.String()}, u); err != nil {
		return nil
	}
	return u
}

func orAgain(err error) (outcome, userID) {
	if apierrors.IsConflict(err) {
		return again, noUser
	}
	return done, noUser
}
