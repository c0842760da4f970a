package pages

import (
	"net/http"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// deletionLimit is how long synchronization is off at most for a deletion. With what it takes to turn it on and to look at the user,
// the answer comes within the time limit of the server.
const deletionLimit = time.Minute

// removal is the page that asks whether to delete a user, and that says why it is not deleted.
type removal struct {
	*plugin.Deletion
	// Refused says why the user cannot be deleted now.
	Refused []string
	// Lacks are the rights that the person lacks.
	Lacks []string
	// Turns are the turns of the switch so far.
	Turns []string
	// Failed says what has not succeeded.
	Failed []string
}

// deletion is the page that asks whether to delete a user.
func (c *console) deletion(r *request) (*view, error) {
	u, err := r.readUser(r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	page, err := c.newRemoval(r, u)
	if err != nil {
		return nil, err
	}
	page.Within = true // the page says what that means
	page.Refused = linesOf(page.Refusal())
	return page.view(http.StatusOK), nil
}

// withinField is the field of the form that deletes a user within a break that is on already.
const withinField = "within"

// deleteUser deletes the user of a form, and turns synchronization off for that if it has to. If the browser goes, it is turned on
// at once, as after an interrupt of kubectl cloudsso delete-user.
func (c *console) deleteUser(r *request) (*view, error) {
	list := r.address("users")
	u, err := r.readShownUser()
	if apierrors.IsNotFound(err) {
		return r.finished(list, "deleted"), nil
	}
	if err != nil {
		return nil, err
	}
	page, err := c.newRemoval(r, u)
	if err != nil {
		return nil, err
	}
	page.Within = r.PostFormValue(withinField) == checked
	if page.Refused = linesOf(page.Refusal()); len(page.Refused) > 0 {
		return page.view(http.StatusConflict), nil
	}
	needsBreak := page.NeedsBreak() // before the deletion turns synchronization off
	_, err = page.Run(r.Context())
	switch {
	case err == nil && needsBreak:
		return r.finishedAbout(list, "deletedOff", u.Spec.UserName), nil
	case err == nil:
		return r.finishedAbout(list, "deletedUser", u.Spec.UserName), nil
	}
	page.Failed = linesOf(err)
	return page.view(statusOf(err)), nil
}

func (c *console) newRemoval(r *request, u *v1alpha1.CloudSSOUser) (*removal, error) {
	d, err := plugin.Directory(r.Context(), r.Client, u.Namespace)
	if err != nil {
		return nil, err
	}
	page := &removal{Deletion: &plugin.Deletion{Client: r.Client, User: u, Directory: d, Limit: deletionLimit, Now: c.Now}}
	page.Turned = func(turn string) { page.Turns = append(page.Turns, turn) }
	needed := []right{mayDeleteUsers.over(u.Name)}
	if page.NeedsBreak() {
		needed = append(needed, patchDirectory) // to turn the switch
	}
	held, err := r.readRights(needed...)
	if err != nil {
		return nil, err
	}
	for _, wanted := range needed {
		if missing := held.Missing(wanted); missing != "" {
			page.Lacks = append(page.Lacks, missing)
		}
	}
	return page, nil
}

func (p *removal) view(status int) *view {
	return &view{Title: text("delete.title", p.User.Spec.UserName), template: "delete", status: status, Data: p}
}

// linesOf returns the texts of errors that are joined; none of nil.
func linesOf(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}
