package pages

import (
	"errors"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/jsonpatch"
)

// suspension is the page that asks whether to suspend a user, or to lift its suspension.
type suspension struct {
	User *v1alpha1.CloudSSOUser
	// Lift says that the suspension is lifted.
	Lift bool
	// Stays is why the user has no effect when its suspension is lifted; "" if it has.
	Stays string
	// Tool applies the user from Git; "" if none does.
	Tool  string
	Lacks string
}

// suspend is the page that asks whether to suspend a user.
func (c *console) suspend(r *request) (*view, error) { return r.askSuspension(false) }

// lift is the page that asks whether to lift the suspension of a user.
func (c *console) lift(r *request) (*view, error) { return r.askSuspension(true) }

func (r *request) askSuspension(lift bool) (*view, error) {
	u, err := r.readUser(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	mayChange := mayChangeUsers.over(u.Name)
	held, err := r.readRights(mayChange)
	if err != nil {
		return nil, err
	}
	s := suspension{User: u, Lift: lift, Tool: plugin.TrackedBy(u), Lacks: held.Missing(mayChange)}
	title := "suspend.title"
	if lift {
		title, s.Stays = "lift.title", withoutSuspension(u)
	}
	return &view{Title: text(title, u.Spec.UserName), template: "suspend", Data: s}, nil
}

// withoutSuspension returns why a user has no effect beside its suspension; "" if it has.
func withoutSuspension(u *v1alpha1.CloudSSOUser) string {
	lifted := u.DeepCopy()
	lifted.Spec.Suspended = false
	if plugin.StateOf(lifted) == v1alpha1.UserActive {
		return ""
	}
	return plugin.ReasonOf(lifted)
}

func (c *console) doSuspend(r *request) (*view, error) {
	return r.setSuspended(true, "suspended")
}

func (c *console) doLift(r *request) (*view, error) {
	return r.setSuspended(false, "lifted")
}

// setSuspended writes the field of the user that the form was about.
func (r *request) setSuspended(suspended bool, done string) (*view, error) {
	u, err := r.readShownUser()
	if err != nil {
		return nil, err
	}
	patch := jsonpatch.Patch{}.TestUID(u).Add("/spec/suspended", suspended)
	if err := r.Client.Patch(r.Context(), u, patch, r.author()); err != nil {
		return nil, err
	}
	return r.finished(userPath(u), done), nil
}

// uidField is the field of a form with the UID of the object that it shows: another one may have its name by now.
const uidField = "uid"

// readShownUser reads the user that a form shows.
func (r *request) readShownUser() (*v1alpha1.CloudSSOUser, error) {
	u, err := r.readUser(r.PathValue("name"))
	if err == nil && string(u.UID) != r.PostFormValue(uidField) {
		return nil, errOtherObject
	}
	return u, err
}

var errOtherObject = errors.New(text("problem.otherObject"))
