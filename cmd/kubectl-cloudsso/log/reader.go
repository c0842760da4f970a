package log

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// Reader reads what has happened in a directory as the person of its clients.
type Reader struct {
	Client client.Client
	Pods   corev1client.PodsGetter
	// OperatorNamespace is where the operator runs; DefaultOperatorNamespace if it is "".
	OperatorNamespace string
	// Now is the clock.
	Now func() time.Time
}

// Query says what is read. Empty fields exclude nothing.
type Query struct {
	Namespace string
	// WithUnknown includes requests whose directory is not known, such as those with an unknown token.
	WithUnknown bool
	// User is a userName in any spelling, or the metadata.name of a user or group.
	User       string
	Credential string
	// RequestID is the X-Request-Id of a response.
	RequestID string
	// Outcomes are some of Outcomes.
	Outcomes []string
	// Since is how old a row is at most.
	Since time.Duration
	// Limit is how many of the last rows are read.
	Limit int
}

// Found is what a query has found.
type Found struct {
	// Rows are sorted by time, the oldest first.
	Rows []Row
	// WhyNone says why there is no row.
	WhyNone string
	// Unread says what is missing.
	Unread []error
}

// Outcomes returns the outcomes of the provisioning log: its events, and the effects.
func Outcomes() []string { return slices.Clone(outcomes) }

// IsUnreadable reports whether an error of a Reader says that there is no log for the person: because of a right, or because the
// operator does not run in the namespace.
func IsUnreadable(err error) bool {
	return apierrors.IsForbidden(err) || errors.As(err, new(*noReplicasError))
}

// Lines returns the last lines of all replicas. Its error is IsUnreadable if there is no log for the person.
func (r Reader) Lines(ctx context.Context, q Query) (Found, error) {
	h, unread, err := r.open(ctx, q)
	if err != nil {
		return Found{}, err
	}
	lines := h.last(q.Limit)
	return Found{rowsOf(lines), h.whyNone(), append(unread, h.unread...)}, nil
}

// Follow passes the lines of Lines on to show, and then those that are written, until the context ends, show fails, or the API server
// does not know the person any more. It calls show several times a second, also without rows. warn is told what cannot be read.
func (r Reader) Follow(ctx context.Context, q Query, show func([]Row) error, warn func(error)) error {
	started := r.Now()
	h, unread, err := r.open(ctx, q)
	if err != nil {
		return err
	}
	if err := show(rowsOf(h.last(q.Limit))); err != nil {
		return err
	}
	for _, err := range append(unread, h.unread...) {
		warn(err)
	}
	f := newFollower(h, started)
	f.now, f.warn = r.Now, warn
	f.write = func(lines []line) error { return show(rowsOf(lines)) }
	return f.run(ctx)
}

// Changes returns the last change of each user and group, and the Events, for a person who may not read the log: no outcomes are
// known of them. It reads the whole directory, and tells progress of each kind that has objects what they are called, how many it has
// read, and how many are left.
func (r Reader) Changes(ctx context.Context, q Query, progress func(what string, read, left int64)) (Found, error) {
	f, unread, err := r.filter(ctx, q)
	if err != nil {
		return Found{}, err
	}
	c := newChanges(r.Client, f, q.Limit)
	c.progress = progress
	if q.Since > 0 {
		c.from = r.Now().Add(-q.Since)
	}
	err = c.read(ctx, func(err error) { unread = append(unread, err) })
	return Found{Rows: rowsOfChanges(c.last()), WhyNone: noChanges, Unread: unread}, err
}

func (r Reader) open(ctx context.Context, q Query) (h *history, unread []error, err error) {
	f, unread, err := r.filter(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	h, err = openHistory(ctx, replicas{r.Pods, cmp.Or(r.OperatorNamespace, DefaultOperatorNamespace)}, f, q.Since)
	return h, unread, err
}

// filter returns the filter of a query. A user is looked for by its claim or its metadata.name alone: a search for former users would
// read the whole directory before the first row.
func (r Reader) filter(ctx context.Context, q Query) (f filter, unread []error, err error) {
	f = filter{namespace: q.Namespace, orUnknown: q.WithUnknown, credential: q.Credential, requestID: q.RequestID, outcomes: q.Outcomes}
	if q.User != "" {
		f.user = &subject{name: q.User, ids: map[string]bool{}}
		err = f.user.findHolder(ctx, r.Client, q.Namespace)
	}
	if err = withoutNames(err, func(err error) { unread = append(unread, err) }); err != nil {
		return filter{}, nil, err
	}
	return f, unread, f.validate()
}

// findHolder notes the id of the user that has the name.
func (s *subject) findHolder(ctx context.Context, c client.Client, namespace string) error {
	holder, err := plugin.HolderOfUserName(ctx, c, namespace, s.name)
	if holder != nil {
		s.ids[holder.Name] = true
	}
	return err
}
