package log

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/audit"
	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
)

// outcomes are what --outcome takes: the events of the provisioning log, except those of the file alone, and the effects.
var outcomes = []string{
	string(audit.AuthenticationRefused), string(audit.RequestLimited), string(audit.SynchronizationRefused), string(audit.DeactivationWithheld),
	string(audit.RequestRefused), string(audit.RequestFailed), string(audit.RequestUnknown),
	string(audit.Discovery), string(audit.ResourceRead), string(audit.ResourcesQueried), string(audit.BulkProcessed),
	string(audit.ResourceCreated), string(audit.ResourceRestored), string(audit.ResourceAdopted), string(audit.ResourceReplaced),
	string(audit.ResourceModified), string(audit.ResourceUnchanged), string(audit.ResourceDeprovisioned), string(audit.ResourceDeleted),
	"Created", "Restored", "Adopted", "Deactivated", "Reactivated", "Released", "Renamed", "Deprovisioned", "Deleted",
}

// filter says which lines are shown. Empty fields let all lines pass.
type filter struct {
	namespace  string
	orUnknown  bool // lines of no known directory pass beside those of namespace
	user       *subject
	credential string
	requestID  string
	outcomes   []string
}

// subject is a user or group that lines are about.
type subject struct {
	name string          // userName, or id of a user or group, as the person has given it
	ids  map[string]bool // of the users that have the name
}

// validate refuses an outcome that no line has.
func (f filter) validate() error {
	for _, outcome := range f.outcomes {
		if !slices.ContainsFunc(outcomes, func(known string) bool { return strings.EqualFold(known, outcome) }) {
			return fmt.Errorf("--outcome %q: give one of %q", outcome, outcomes)
		}
	}
	return nil
}

// passes reports whether a line is shown.
func (f filter) passes(l line) bool {
	return f.isOfDirectory(l) && isOrEmpty(f.credential, l.Credential) && isOrEmpty(f.requestID, l.RequestID) &&
		(len(f.outcomes) == 0 || slices.ContainsFunc(f.outcomes, l.hasOutcome)) &&
		(f.user == nil || f.user.isIn(l))
}

func (f filter) isOfDirectory(l line) bool {
	return isOrEmpty(f.namespace, l.Namespace) || f.orUnknown && l.Namespace == ""
}

// isOrEmpty reports whether a filter lets a value pass.
func isOrEmpty(wanted, value string) bool { return wanted == "" || wanted == value }

func (l line) hasOutcome(outcome string) bool {
	return strings.EqualFold(l.Message, outcome) ||
		slices.ContainsFunc(l.Effects, func(effect string) bool { return strings.EqualFold(effect, outcome) })
}

// isIn reports whether a line is about the user or group, or about a group that the user was added to or removed from.
func (s *subject) isIn(l line) bool {
	switch l.ResourceType {
	case "User":
		return s.isNamed(l.UserName) || s.isCalled(l.ID)
	case "Group":
		return s.isCalled(l.ID) || slices.ContainsFunc(l.AddedMembers, s.isCalled) || slices.ContainsFunc(l.RemovedMembers, s.isCalled)
	}
	return false
}

// isNamed reports whether a userName is the user's, in any spelling.
func (s *subject) isNamed(userName string) bool {
	return userName != "" && nameclaim.UserName("", userName) == nameclaim.UserName("", s.name)
}

// isCalled reports whether an id is that of the user or group.
func (s *subject) isCalled(id string) bool { return id != "" && (id == s.name || s.ids[id]) }

// findSubject returns the user of a name, with the ids of all users that have it. A user that does not exist may have lines too,
// and a person who may not read users may read the log: then the name alone decides.
func findSubject(ctx context.Context, c client.Client, namespace, name string, warn func(error)) (*subject, error) {
	s := &subject{name: name, ids: map[string]bool{}}
	var err error
	if namespace == "" {
		err = s.findEverywhere(ctx, c)
	} else {
		err = s.find(ctx, c, namespace)
	}
	return s, withoutNames(err, warn)
}

// withoutNames returns the error of the search for a user, and warns if the person may not read users.
func withoutNames(err error, warn func(error)) error {
	if !apierrors.IsForbidden(err) {
		return err
	}
	warn(fmt.Errorf("you may not read users (%w), so lines in which the user has another name, and lines of its groups, are missing: give the user's id to see them", err))
	return nil
}

func (s *subject) find(ctx context.Context, c client.Client, namespace string) error {
	users, err := plugin.FindUsers(ctx, c, namespace, s.name)
	for _, u := range users {
		if u != nil {
			s.ids[u.Name] = true
		}
	}
	if errors.As(err, new(*plugin.NotFoundError)) {
		return nil
	}
	return err
}

// findEverywhere searches all users of all directories: no name claim leads from a name to a directory.
func (s *subject) findEverywhere(ctx context.Context, c client.Client) error {
	var page v1alpha1.CloudSSOUserList
	return plugin.EachPage(ctx, c, &page, func() bool {
		for i := range page.Items {
			if u := &page.Items[i]; s.isNamed(u.Spec.UserName) || u.Name == s.name {
				s.ids[u.Name] = true
			}
		}
		return true
	})
}
