package pages

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/jsonpatch"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// approvals is the page of the deactivations that the disablement budget has withheld.
type approvals struct {
	// Budget is that of the directory in words; "" if it has none.
	Budget string
	// Count is how many are withheld, as the operator has counted; nil if it has not yet.
	Count *int32
	// IsRead says that the page has the list.
	IsRead bool
	Rows   chunk[*v1alpha1.CloudSSOUser]
	Lacks  string
}

// allParameter is the parameter of an address that asks to read all users, whatever the operator has counted.
const allParameter = "all"

// approvals is the page of withheld deactivations. It reads all users unless the operator has counted none that wait.
func (c *console) approvals(r *request) (*view, error) {
	d, err := plugin.DirectoryOrEmpty(r.Context(), r.Client, r.namespace())
	if err != nil {
		return nil, err
	}
	query := r.URL.Query()
	page := approvals{Count: withheldCount(d)}
	if b := d.Spec.DisablementBudget; b != nil {
		page.Budget = policy.DescribeBudget(b)
	}
	if page.Count == nil || *page.Count > 0 || query.Has(allParameter) || query.Has(tokenParameter) {
		if err := page.read(r); err != nil {
			return nil, err
		}
	}
	return &view{Title: text("approvals.title"), template: "approvals", Data: page}, nil
}

// withheldCount returns how many deactivations wait, as the operator has counted; nil if it has not yet.
func withheldCount(d *v1alpha1.CloudSSODirectory) *int32 {
	if d.Status.Users == nil {
		return nil
	}
	return &d.Status.Users.Withheld
}

// approvalRows is the next part of the list, for the page that has the part before.
func (c *console) approvalRows(r *request) (*view, error) {
	var page approvals
	if err := page.read(r); err != nil {
		return nil, err
	}
	return &view{template: "approvals", part: "rows", Data: page}, nil
}

// read reads a part of the list, and what the person may do.
func (p *approvals) read(r *request) error {
	p.IsRead = true
	held, err := r.readRights(mayChangeUsers)
	if err != nil {
		return err
	}
	p.Lacks = held.Missing(mayChangeUsers)
	var page v1alpha1.CloudSSOUserList
	p.Rows, err = readChunk(r, &page, false, func() (hits []*v1alpha1.CloudSSOUser) {
		for i := range page.Items {
			if u := &page.Items[i]; u.Spec.Withheld != nil && u.Spec.Source == v1alpha1.SourceSCIM {
				hits = append(hits, u)
			}
		}
		return hits
	}, listOptions(r, "")...)
	return err
}

// decision is the page that asks whether to decide about one withheld deactivation, or about all.
type decision struct {
	Decision v1alpha1.Decision
	// User is the one user; nil for all.
	User *v1alpha1.CloudSSOUser
	// Names are the userNames of the first of the users that are concerned.
	Names []string
	// Limit is after how many users the rest of the list is not read; 0 if the whole list is.
	Limit int
	// Round is how far all are decided about, or what it begins with.
	Round round
	Lacks string
}

// Shown stands for the deactivation that the page shows. A form decides about this one alone: another one may delete a user that the
// page has shown as one to be disabled.
func (d decision) Shown() string {
	w := d.User.Spec.Withheld
	digest := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q", d.User.UID, w.What, w.RequestID, w.Since.UTC().Format(time.RFC3339)))
	return hex.EncodeToString(digest[:])
}

// The fields of the form that decides about one.
const (
	decisionField = "decision"
	userField     = "user"
	shownField    = "shown"
)

// namesShown is how many names the page shows that asks about all: what a person looks through.
const namesShown = 50

var decisions = []v1alpha1.Decision{v1alpha1.DecisionApply, v1alpha1.DecisionDiscard}

var (
	errNoDecision  = errors.New(text("decide.none"))
	errNotWithheld = errors.New(text("decide.gone"))
	errNoneLeft    = errors.New(text("decide.goneAll"))
	errNoneShown   = errors.New(text("decide.noneShown"))
)

// askDecision is the page that asks whether to decide. At an address that roundAddress has made it says how far a decision about all
// is, and offers to go on.
func (c *console) askDecision(r *request) (*view, error) {
	query := r.URL.Query()
	page := decision{Decision: v1alpha1.Decision(query.Get(decisionField))}
	if !slices.Contains(decisions, page.Decision) {
		return nil, errNoDecision
	}
	held, err := r.readRights(mayChangeUsers)
	if err != nil {
		return nil, err
	}
	page.Lacks = held.Missing(mayChangeUsers)
	title := text("decide.title" + string(page.Decision) + "All")
	switch name := query.Get(userField); {
	case name != "":
		if page.User, err = r.readUser(name); err != nil {
			return nil, err
		}
		if !isWaiting(page.User) {
			return nil, errNotWithheld
		}
		title = text("decide.title"+string(page.Decision), page.User.Spec.UserName)
	case r.isRoundAddress():
		if page.Round, err = roundOf(query); err != nil {
			return nil, err
		}
		page.Round.IsBegun = true
	default:
		if err := r.countWaiting(&page); err != nil {
			return nil, err
		}
	}
	return &view{Title: title, template: "decide", Data: page}, nil
}

// countWaiting counts the users that all wait for a decision. It reads no further than to as many as the operator has counted.
func (r *request) countWaiting(page *decision) error {
	d, err := plugin.DirectoryOrEmpty(r.Context(), r.Client, r.namespace())
	if err != nil {
		return err
	}
	if count := withheldCount(d); count != nil {
		page.Limit = int(*count)
	}
	page.Round.Decision = page.Decision
	var users v1alpha1.CloudSSOUserList
	return plugin.EachPage(r.Context(), r.Client, &users, func() bool {
		// A token that has expired would make the rest of the list a later one than its beginning.
		page.Round.Revision = cmp.Or(page.Round.Revision, users.ResourceVersion)
		return page.add(users.Items)
	}, listOptions(r, v1alpha1.SourceSCIM)...)
}

// add counts the users of a page of the list that wait, and reports whether to read on.
func (d *decision) add(users []v1alpha1.CloudSSOUser) bool {
	for i := range users {
		if !isWaiting(&users[i]) {
			continue
		}
		d.Round.All++
		d.Round.Last = users[i].Name
		if len(d.Names) < namesShown {
			d.Names = append(d.Names, users[i].Spec.UserName)
		}
	}
	return d.Limit == 0 || d.Round.All < int64(d.Limit)
}

// isWaiting reports whether a user has a withheld deactivation that is not decided.
func isWaiting(u *v1alpha1.CloudSSOUser) bool {
	return u.Spec.Withheld != nil && !policy.IsDecided(u)
}

// decide decides about the deactivation of one user, or about all that the form shows.
func (c *console) decide(r *request) (*view, error) {
	wanted := v1alpha1.Decision(r.PostFormValue(decisionField))
	if !slices.Contains(decisions, wanted) {
		return nil, errNoDecision
	}
	if r.PostFormValue(userField) == "" {
		return c.decideAll(r)
	}
	if err := r.decideOne(wanted); err != nil {
		return nil, err
	}
	return r.finished(r.address("approvals"), string(wanted)), nil
}

// decideOne decides about the deactivation that the form shows.
func (r *request) decideOne(wanted v1alpha1.Decision) error {
	u, err := r.readUser(r.PostFormValue(userField))
	if err != nil {
		return err
	}
	if !isWaiting(u) || (decision{User: u}).Shown() != r.PostFormValue(shownField) {
		return errNotWithheld
	}
	return r.writeDecision(r.Context(), u, wanted, r.author())
}

// writeDecision writes a decision about the very deactivation that was read.
func (r *request) writeDecision(ctx context.Context, u *v1alpha1.CloudSSOUser, wanted v1alpha1.Decision, author client.FieldOwner) error {
	patch := jsonpatch.Patch{}.TestUID(u).TestGeneration(u).Add("/spec/withheld/decision", wanted)
	err := r.Client.Patch(ctx, u, patch, author)
	if jsonpatch.Failed(err) || apierrors.IsNotFound(err) {
		return errNotWithheld
	}
	return err
}
