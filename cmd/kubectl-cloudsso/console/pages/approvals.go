package pages

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	d, err := plugin.Directory(r.Context(), r.Client, r.namespace())
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
	// Count is how many users are concerned, and Names the userNames of the first of them.
	Count int
	Names []string
	// Limit is after how many users the rest of the list is not read; 0 if the whole list is.
	Limit int
	// Last is the metadata.name of the last of them in the list.
	Last  string
	Lacks string

	digest hash.Hash
}

// Shown stands for the deactivations that the page shows. A form decides about these alone: another one may delete a user that the
// page has shown as one to be disabled.
func (d decision) Shown() string {
	digest := d.digest
	if d.User != nil {
		digest = digestOf(nil, d.User)
	}
	return hex.EncodeToString(digest.Sum(nil))
}

// digestOf adds the deactivation of a user to a digest; to a new one, if that is nil.
func digestOf(digest hash.Hash, u *v1alpha1.CloudSSOUser) hash.Hash {
	if digest == nil {
		digest = sha256.New()
	}
	w := u.Spec.Withheld
	fmt.Fprintf(digest, "%q %q %q %q\n", u.UID, w.What, w.RequestID, w.Since.UTC().Format(time.RFC3339))
	return digest
}

// The fields of the form that decides.
const (
	decisionField = "decision"
	userField     = "user"
	shownField    = "shown"
	lastField     = "last"
)

const (
	// namesShown is how many names the page shows that asks about all: what a person looks through.
	namesShown = 50
	// decideLimit is how long all are decided at a time, below the time limit of the server. A decision takes milliseconds.
	decideLimit = time.Minute
)

var decisions = []v1alpha1.Decision{v1alpha1.DecisionApply, v1alpha1.DecisionDiscard}

var (
	errNoDecision  = errors.New(text("decide.none"))
	errNotWithheld = errors.New(text("decide.gone"))
	errNoneShown   = errors.New(text("decide.noneShown"))
)

// askDecision is the page that asks whether to decide.
func (c *console) askDecision(r *request) (*view, error) {
	page := decision{Decision: v1alpha1.Decision(r.URL.Query().Get(decisionField))}
	if !slices.Contains(decisions, page.Decision) {
		return nil, errNoDecision
	}
	held, err := r.readRights(mayChangeUsers)
	if err != nil {
		return nil, err
	}
	page.Lacks = held.Missing(mayChangeUsers)
	title := text("decide.title" + string(page.Decision) + "All")
	if name := r.URL.Query().Get(userField); name != "" {
		if page.User, err = r.readUser(name); err != nil {
			return nil, err
		}
		if !isWaiting(page.User) {
			return nil, errNotWithheld
		}
		title = text("decide.title"+string(page.Decision), page.User.Spec.UserName)
	} else if err := r.countWaiting(&page); err != nil {
		return nil, err
	}
	return &view{Title: title, template: "decide", Data: page}, nil
}

// countWaiting counts the users that all wait for a decision. It reads no further than to as many as the operator has counted.
func (r *request) countWaiting(page *decision) error {
	d, err := plugin.Directory(r.Context(), r.Client, r.namespace())
	if err != nil {
		return err
	}
	if count := withheldCount(d); count != nil {
		page.Limit = int(*count)
	}
	return r.eachWaiting(r.Context(), "", page.add)
}

// add counts the users of a page of the list, and reports whether to read on.
func (d *decision) add(users []*v1alpha1.CloudSSOUser) bool {
	for _, u := range users {
		d.Count++
		d.Last = u.Name
		d.digest = digestOf(d.digest, u)
		if len(d.Names) < namesShown {
			d.Names = append(d.Names, u.Spec.UserName)
		}
	}
	return d.Limit == 0 || d.Count < d.Limit
}

// isWaiting reports whether a user has a withheld deactivation that is not decided.
func isWaiting(u *v1alpha1.CloudSSOUser) bool {
	return u.Spec.Withheld != nil && !policy.IsDecided(u)
}

// eachWaiting reads the users, page by page, to the one with the metadata.name last; all, if that is "". look gets those of a page
// that wait for a decision, and reports whether to go on.
func (r *request) eachWaiting(ctx context.Context, last string, look func([]*v1alpha1.CloudSSOUser) bool) error {
	var page v1alpha1.CloudSSOUserList
	return plugin.EachPage(ctx, r.Client, &page, func() bool {
		var waiting []*v1alpha1.CloudSSOUser
		for i := range page.Items {
			if isWaiting(&page.Items[i]) {
				waiting = append(waiting, &page.Items[i])
			}
		}
		isLast := last != "" && len(page.Items) > 0 && page.Items[len(page.Items)-1].Name >= last // the list is in the order of names
		return look(waiting) && !isLast
	}, listOptions(r, v1alpha1.SourceSCIM)...)
}

// decide decides about the deactivation of one user, or about all that the form shows.
func (c *console) decide(r *request) (*view, error) {
	wanted := v1alpha1.Decision(r.PostFormValue(decisionField))
	if !slices.Contains(decisions, wanted) {
		return nil, errNoDecision
	}
	decide := r.decideAll
	if r.PostFormValue(userField) != "" {
		decide = r.decideOne
	}
	done, err := decide(wanted)
	if err != nil {
		return nil, err
	}
	return redirected(directoryAddress(r.namespace(), "approvals"), done), nil
}

// decideOne decides about the deactivation that the form shows, and returns the notice to show.
func (r *request) decideOne(wanted v1alpha1.Decision) (done string, err error) {
	u, err := r.readUser(r.PostFormValue(userField))
	if err != nil {
		return "", err
	}
	if !isWaiting(u) || (decision{User: u}).Shown() != r.PostFormValue(shownField) {
		return "", errNotWithheld
	}
	return string(wanted), r.writeDecision(r.Context(), u, wanted)
}

// decideAll decides about the deactivations that the form shows, and returns the notice to show. If they are others by now, none is
// decided. One that changes while the others are decided is left out. If the time is not enough, the rest waits.
func (r *request) decideAll(wanted v1alpha1.Decision) (done string, err error) {
	shown, last := r.PostFormValue(shownField), r.PostFormValue(lastField)
	if shown == "" || last == "" {
		return "", errNoneShown
	}
	ctx, cancel := context.WithTimeout(r.Context(), decideLimit)
	defer cancel()
	waiting, err := r.waitingTo(ctx, last)
	if err != nil {
		return "", err
	}
	now := decision{digest: sha256.New()}
	now.add(waiting)
	if now.Shown() != shown {
		return "", errNotWithheld
	}
	var decided atomic.Int64
	err = r.decideEach(ctx, waiting, wanted, &decided)
	switch {
	case err == nil && decided.Load() == 0:
		return "", errNotWithheld
	case err == nil:
		return string(wanted), nil
	case decided.Load() > 0 && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "partly", nil
	case decided.Load() > 0:
		return "", fmt.Errorf("%s %w", text("decide.partly", decided.Load()), err)
	}
	return "", err
}

// waitingTo returns the users that wait for a decision, up to a place of the list: of each only what a decision needs.
func (r *request) waitingTo(ctx context.Context, last string) (waiting []*v1alpha1.CloudSSOUser, err error) {
	err = r.eachWaiting(ctx, last, func(users []*v1alpha1.CloudSSOUser) bool {
		for _, u := range users {
			if u.Name <= last {
				waiting = append(waiting, &v1alpha1.CloudSSOUser{
					ObjectMeta: metav1.ObjectMeta{Namespace: u.Namespace, Name: u.Name, UID: u.UID},
					Spec:       v1alpha1.CloudSSOUserSpec{Withheld: u.Spec.Withheld},
				})
			}
		}
		return true
	})
	return waiting, err
}

// decideEach decides about users, some at a time, and counts them.
func (r *request) decideEach(ctx context.Context, users []*v1alpha1.CloudSSOUser, wanted v1alpha1.Decision, decided *atomic.Int64) error {
	writers, ctx := errgroup.WithContext(ctx)
	writers.SetLimit(parallelReads)
	for _, u := range users {
		writers.Go(func() error {
			err := r.writeDecision(ctx, u, wanted)
			switch {
			case errors.Is(err, errNotWithheld):
				return nil
			case err == nil:
				decided.Add(1)
			}
			return err
		})
	}
	return writers.Wait()
}

// writeDecision writes a decision about the very deactivation that was read.
func (r *request) writeDecision(ctx context.Context, u *v1alpha1.CloudSSOUser, wanted v1alpha1.Decision) error {
	patch := jsonpatch.Patch{}.TestUID(u).
		Test("/spec/withheld/what", u.Spec.Withheld.What).
		Test("/spec/withheld/since", u.Spec.Withheld.Since).
		Add("/spec/withheld/decision", wanted)
	err := r.Client.Patch(ctx, u, patch, client.FieldOwner(plugin.FieldManager))
	if jsonpatch.Failed(err) || apierrors.IsNotFound(err) {
		return errNotWithheld
	}
	return err
}
