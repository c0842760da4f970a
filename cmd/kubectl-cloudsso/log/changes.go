package log

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// change is the last change of a user or group, or an Event, with the names of the provisioning log.
type change struct {
	Source     string    `json:"source"` // no line of the log has it
	Time       time.Time `json:"time"`
	Namespace  string    `json:"namespace"`
	Kind       string    `json:"kind"`
	ID         string    `json:"id"`
	Name       string    `json:"name,omitempty"` // userName or displayName
	Cause      string    `json:"cause,omitempty"`
	Credential string    `json:"credential,omitempty"`
	RequestID  string    `json:"requestID,omitempty"`
	Reason     string    `json:"reason,omitempty"` // of an Event
	Message    string    `json:"message,omitempty"`

	state v1alpha1.UserState // of a user, as it is now
}

func (c change) row() Row {
	kind := strings.TrimPrefix(c.Kind, "CloudSSO") // as in the provisioning log
	return Row{
		At: c.Time, Namespace: c.Namespace, Outcome: cmp.Or(c.Cause, c.Reason), Credential: c.Credential,
		Kind: kind, ID: c.ID, Object: kind + "/" + cmp.Or(c.Name, c.ID), Summary: c.Message, State: c.state, RequestID: c.RequestID,
	}
}

// changes collects what is known of changes without the log.
type changes struct {
	client   client.Client
	filter   filter
	from     time.Time                           // only changes that are not older
	limit    int                                 // how many of the last changes are kept; all if it is below zero
	progress func(what string, read, left int64) // is told after each page of a kind that has objects
	all      []change
	groups   map[types.NamespacedName]string // displayNames
}

func newChanges(c client.Client, f filter, limit int) *changes {
	return &changes{client: c, filter: f, limit: limit, progress: func(string, int64, int64) {}, groups: map[types.NamespacedName]string{}}
}

const noChanges = "No changes found."

// Sources of changes.
const (
	sourceLastChange = "LastChange"
	sourceEvent      = "Event"
)

// showChanges shows the last changes and the Events of a directory.
func showChanges(ctx context.Context, p *plugin.Plugin, c client.Client, f filter, o options) error {
	found := newChanges(c, f, o.tail)
	if o.since > 0 {
		found.from = p.Now().Add(-o.since)
	}
	if err := found.read(ctx, p.Warn); err != nil {
		return err
	}
	if err := writeChanges(p.Out, found.last(), o); err != nil {
		return err
	}
	if len(found.all) == 0 {
		fmt.Fprintln(p.ErrOut, noChanges)
	}
	return nil
}

func writeChanges(w io.Writer, all []change, o options) error {
	if o.output == "json" {
		for _, c := range all {
			if err := plugin.WriteJSONLine(w, c); err != nil {
				return err
			}
		}
		return nil
	}
	return newTable(w, o).write(rowsOfChanges(all))
}

func rowsOfChanges(all []change) []Row {
	rows := make([]Row, len(all))
	for i, c := range all {
		rows[i] = c.row()
	}
	return rows
}

// read reads all users, groups, slices and Events, page by page. It warns of kinds that the person may not read, and fails if
// that is all of them.
func (c *changes) read(ctx context.Context, warn func(error)) error {
	var users v1alpha1.CloudSSOUserList
	var groups v1alpha1.CloudSSOGroupList
	var slices v1alpha1.CloudSSOMembershipSliceList
	var events corev1.EventList
	kinds := []struct {
		what string
		page client.ObjectList
		add  func()
	}{
		{"users", &users, func() { addEach(users.Items, c.addUser) }},
		{"groups", &groups, func() { addEach(groups.Items, c.addGroup) }},
		{"membership slices", &slices, func() { addEach(slices.Items, c.addSlice) }},
		{"Events", &events, func() { addEach(events.Items, c.addEvent) }},
	}
	var forbidden []error
	for _, kind := range kinds {
		var read int64
		err := plugin.EachPage(ctx, c.client, kind.page, func() bool {
			kind.add()
			read += int64(meta.LenList(kind.page))
			if read > 0 {
				c.progress(kind.what, read, ptr.Deref(kind.page.GetRemainingItemCount(), 0))
			}
			return true
		}, client.InNamespace(c.filter.namespace))
		if err != nil {
			err = fmt.Errorf("reading the %s: %w", kind.what, err)
		}
		if apierrors.IsForbidden(err) {
			forbidden = append(forbidden, err)
		} else if err != nil {
			return err
		}
	}
	if len(forbidden) == len(kinds) {
		return errors.Join(forbidden...)
	}
	for _, err := range forbidden {
		warn(err)
	}
	return nil
}

func addEach[T any](items []T, add func(*T)) {
	for i := range items {
		add(&items[i])
	}
}

func (c *changes) addUser(u *v1alpha1.CloudSSOUser) {
	if c.filter.user == nil || c.filter.user.isNamed(u.Spec.UserName) || c.filter.user.isCalled(u.Name) {
		c.addLast(u, "CloudSSOUser", u.Name, u.Spec.UserName, plugin.StateOf(u))
	}
}

func (c *changes) addGroup(g *v1alpha1.CloudSSOGroup) {
	c.groups[client.ObjectKeyFromObject(g)] = g.Spec.DisplayName
	if c.filter.user == nil || c.filter.user.isCalled(g.Name) {
		c.addLast(g, "CloudSSOGroup", g.Name, g.Spec.DisplayName, "")
	}
}

// addSlice adds the change of a slice as one of its group.
func (c *changes) addSlice(s *v1alpha1.CloudSSOMembershipSlice) {
	if c.filter.user == nil || c.filter.user.isCalled(s.Spec.Group) {
		c.addLast(s, "CloudSSOGroup", s.Spec.Group, c.groups[types.NamespacedName{Namespace: s.Namespace, Name: s.Spec.Group}], "")
	}
}

func (c *changes) addLast(o metav1.Object, kind, id, name string, state v1alpha1.UserState) {
	last, known := policy.LastChangeOf(o)
	at, err := time.Parse(time.RFC3339, last.Time)
	if !known || err != nil || at.Before(c.from) || !isOrEmpty(c.filter.credential, last.Credential) || !isOrEmpty(c.filter.requestID, last.RequestID) {
		return
	}
	c.add(change{
		Source: sourceLastChange, Time: at, Namespace: o.GetNamespace(), Kind: kind, ID: id, Name: name,
		Cause: last.Cause, Credential: last.Credential, RequestID: last.RequestID, state: state,
	})
}

// add adds a change. It drops the oldest ones now and then, so that a large directory needs no more memory than a small one.
func (c *changes) add(one change) {
	c.all = append(c.all, one)
	if c.limit >= 0 && len(c.all) >= 2*c.limit+tailSlack {
		c.all = slices.Clone(c.last())
	}
}

// addEvent adds an Event of an object of the operator. No request is known of it.
func (c *changes) addEvent(e *corev1.Event) {
	about := e.InvolvedObject
	isAbout := c.filter.user == nil || (about.Kind == "CloudSSOUser" || about.Kind == "CloudSSOGroup") && c.filter.user.isCalled(about.Name)
	at := plugin.EventTime(e)
	if !strings.HasPrefix(about.APIVersion, v1alpha1.GroupVersion.Group+"/") || !isAbout || c.filter.credential != "" || c.filter.requestID != "" || at.Before(c.from) {
		return
	}
	c.add(change{Source: sourceEvent, Time: at, Namespace: e.Namespace, Kind: about.Kind, ID: about.Name, Reason: e.Reason, Message: e.Message})
}

// last returns the last changes by time; all if the limit is below zero. A request that has written several slices of a group
// is one change.
func (c *changes) last() []change {
	slices.SortStableFunc(c.all, func(a, b change) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.RequestID, b.RequestID), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
	})
	c.all = slices.Compact(c.all)
	if c.limit >= 0 && len(c.all) > c.limit {
		return c.all[len(c.all)-c.limit:]
	}
	return c.all
}
