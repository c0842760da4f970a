package pages

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// round is how far the decision is about all withheld deactivations that a page has shown. Each form decides about some of them, and
// its answer has the form for the next ones, so that no request lasts long and the console keeps nothing in between.
type round struct {
	Decision v1alpha1.Decision
	// Revision is the resource version of the list that the page has shown. What was written later is not decided about: it may be
	// another deactivation than the page has shown.
	Revision string
	// Last is the metadata.name of the last user that the page has shown, in the order of the list, and All is how many there are.
	Last string
	All  int64
	// Token is the API server's token of the part of the list that comes next; "" for the first one.
	Token string
	// Read, Decided and Left count users so far. Those are left whose object has changed since the page was loaded.
	Read, Decided, Left int64

	// IsBegun says that a form was sent, and IsFirst that it is the first one.
	IsBegun, IsFirst bool
	// GoesOn says that the page sends the next form by itself.
	GoesOn bool
	// Problem is why it does not go on; "" if there is no reason but the person.
	Problem string
}

const (
	// stepUsers is how many users are read at a time for a decision: a part of a second, if all of them wait.
	stepUsers = 250
	// stepTime is after how long a form is answered: the person sees the progress about so often.
	stepTime = 2 * time.Second
	// stepLimit bounds a form on a slow API server, below the time limits of the server and of proxies.
	stepLimit = 30 * time.Second
)

// fields returns what a form and an address have of a round, by name.
func (d *round) fields() (words map[string]*string, counts map[string]*int64) {
	return map[string]*string{decisionField: (*string)(&d.Decision), "revision": &d.Revision, "last": &d.Last, tokenParameter: &d.Token},
		map[string]*int64{"all": &d.All, readParameter: &d.Read, "decided": &d.Decided, "left": &d.Left}
}

// Values returns the round as a form or an address has it.
func (d round) Values() url.Values {
	values := url.Values{}
	words, counts := d.fields()
	for name, value := range words {
		values.Set(name, *value)
	}
	for name, value := range counts {
		values.Set(name, strconv.FormatInt(*value, 10))
	}
	return values
}

// roundOf returns the round of a form or an address.
func roundOf(values url.Values) (d round, err error) {
	words, counts := d.fields()
	for name, value := range words {
		*value = values.Get(name)
	}
	for name, value := range counts {
		*value = countOf(values, name)
	}
	if _, err := resourceversion.CompareResourceVersion(d.Revision, d.Revision); err != nil || d.Last == "" {
		return round{}, errNoneShown
	}
	return d, nil
}

// Step names the form for the next users, so that a script takes it for another one.
func (d round) Step() string { return fmt.Sprintf("step-%d-%d", d.Read, d.Decided) }

// Done returns how many of those that the page has shown need no further form.
func (d round) Done() int64 { return min(d.Decided+d.Left, d.All) }

// roundSeal is the parameter of an address that says that this session has begun the round.
const roundSeal = "seal"

// roundAddress returns the address of the page that says how far a round is. It changes nothing by itself.
func (r *request) roundAddress(d *round) string {
	values := d.Values()
	seal := r.seal("round", r.namespace(), values.Encode())
	values.Set(roundSeal, seal)
	return r.address("approvals/decide?" + values.Encode())
}

// isRoundAddress reports whether roundAddress has made the address of a request. A link of another page could name a revision of its
// own, and so have a person decide about what no page has shown.
func (r *request) isRoundAddress() bool {
	values := r.URL.Query()
	seal := values.Get(roundSeal)
	values.Del(roundSeal)
	return r.hasSealed(seal, "round", r.namespace(), values.Encode())
}

// view returns the page that says how far a round is.
func (d *round) view() *view {
	d.IsBegun = true
	return &view{Title: text("decide.title" + string(d.Decision) + "All"), template: "decide", Data: decision{Decision: d.Decision, Round: *d}}
}

// decideAll decides about some of the deactivations that a page has shown. Those are left that have changed since. A form that is sent
// again decides about none twice, because a decided one does not wait.
func (c *console) decideAll(r *request) (*view, error) {
	d, err := roundOf(r.PostForm)
	if err != nil {
		return nil, err
	}
	d.IsFirst = d.Token == ""
	isLast, err := c.decideSome(r, &d)
	switch {
	case err != nil:
		d.Problem = err.Error()
		v := r.roundView(&d)
		v.status = statusOf(err)
		return v, nil
	case !isLast:
		d.GoesOn = true
		if !r.isPart() {
			return redirected(r.roundAddress(&d)), nil
		}
		return r.roundView(&d), nil
	case d.Decided == 0:
		return nil, errNoneLeft
	case d.Left > 0:
		return r.finished(r.address("approvals"), "left"), nil
	}
	return r.finished(r.address("approvals"), string(d.Decision)), nil
}

// roundView returns the answer to a form about all. A script puts it into the page that has sent the form.
func (r *request) roundView(d *round) *view {
	v := d.view()
	v.shownAt = r.roundAddress(d)
	if r.isPart() {
		v.part = "round"
	}
	return v
}

// decideSome decides about some users, and reports whether they were the last. What it has done is in the round, with an error too.
func (c *console) decideSome(r *request, d *round) (isLast bool, err error) {
	ctx, cancel := context.WithTimeout(r.Context(), stepLimit)
	defer cancel()
	for decided := d.Decided; ; {
		var page v1alpha1.CloudSSOUserList
		if err := r.readStep(ctx, &page, d.Token); err != nil {
			return false, err
		}
		if err := r.decideShown(ctx, page.Items, d); err != nil {
			return false, err
		}
		d.Read += int64(len(page.Items))
		d.Token = page.Continue
		if d.Token == "" || len(page.Items) > 0 && page.Items[len(page.Items)-1].Name >= d.Last { // the list is in the order of names
			return true, nil
		}
		if d.Decided-decided >= stepUsers || c.Now().Sub(r.now) >= stepTime {
			return false, nil
		}
	}
}

// readStep reads the users at a token. If the token has expired, it reads on at the same place of the list as it is now.
func (r *request) readStep(ctx context.Context, page *v1alpha1.CloudSSOUserList, token string) error {
	at := func(token string) error {
		return r.Client.List(ctx, page, append(listOptions(r, v1alpha1.SourceSCIM), client.Limit(stepUsers), client.Continue(token))...)
	}
	err := at(token)
	if token != "" && apierrors.IsResourceExpired(err) {
		err = at(plugin.FreshToken(err))
	}
	return err
}

// decideShown decides about those of some users that wait and that the page has shown, some at a time, and counts them.
func (r *request) decideShown(ctx context.Context, users []v1alpha1.CloudSSOUser, d *round) error {
	var decided, left atomic.Int64
	author := sync.OnceValue(r.author)
	writers, ctx := errgroup.WithContext(ctx)
	writers.SetLimit(parallelReads)
	for i := range users {
		u := &users[i]
		if !isWaiting(u) || u.Name > d.Last {
			continue
		}
		if later, err := resourceversion.CompareResourceVersion(u.ResourceVersion, d.Revision); err != nil || later > 0 {
			left.Add(1)
			continue
		}
		writers.Go(func() error {
			err := r.writeDecision(ctx, u, d.Decision, author())
			switch {
			case errors.Is(err, errNotWithheld):
				waits, err := r.stillWaits(ctx, u.Name)
				if waits {
					left.Add(1)
				}
				return err
			case err != nil:
				return fmt.Errorf("%s: %w", u.Name, err)
			}
			decided.Add(1)
			return nil
		})
	}
	err := writers.Wait()
	d.Decided += decided.Load()
	if err == nil { // otherwise these users are read again
		d.Left += left.Load()
	}
	return err
}

// stillWaits reports whether a user waits for a decision now. The pages of a list are as old as the first of them, so a user in it may
// be decided about already.
func (r *request) stillWaits(ctx context.Context, name string) (bool, error) {
	u := &v1alpha1.CloudSSOUser{}
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: r.namespace(), Name: name}, u)
	return err == nil && isWaiting(u), client.IgnoreNotFound(err)
}
