package access

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// Selector returns how an assignment names its principal, as a message has it: CloudSSOGroup displayName "developers".
func Selector(p v1alpha1.AccessPrincipal) string {
	switch {
	case p.DisplayName != "":
		return fmt.Sprintf("%s displayName %q", p.Kind, p.DisplayName)
	case p.UserName != "":
		return fmt.Sprintf("%s userName %q", p.Kind, p.UserName)
	case p.ExternalID != "":
		return fmt.Sprintf("%s externalId %q", p.Kind, p.ExternalID)
	}
	return fmt.Sprintf("%s %q", p.Kind, p.Name)
}

// Found is what the principal of an assignment may be.
type Found struct {
	// Candidates are the metadata.names of the live objects that the assignment names now, and that hold their names.
	Candidates []string
	// Undecided says that it is not known which object holds the name.
	Undecided bool
	// PinnedIsLive says that the pinned object is live.
	PinnedIsLive bool
	// PinnedIsReplaced says that a live object of source Manual has the metadata.name of the pinned one, which was of source SCIM.
	PinnedIsReplaced bool
}

// Principal is the outcome of Resolve.
type Principal struct {
	// Name is the metadata.name of the principal; "" if there is none, and then Reason and Message say why.
	Name            string
	Reason, Message string
}

// Resolve returns which object the principal of an assignment is. The object that was found first is pinned: it stays the
// principal through a rename. Another object under its name takes its place only if spec.principal.confirmed names it,
// because a name can be given to other people. An object of source Manual never takes the place of a synchronized one, because
// its author need not be permitted to bind the role. A pin counts as long as the assignment names its principal as it did then.
func Resolve(p v1alpha1.AccessPrincipal, pinned *v1alpha1.PinnedPrincipal, found Found) Principal {
	if pinned != nil && pinned.Selector != Selector(p) {
		pinned = nil
	}
	switch {
	case pinned != nil && p.Confirmed != "" && p.Confirmed != pinned.Name && slices.Contains(found.Candidates, p.Confirmed):
		return Principal{Name: p.Confirmed}
	case pinned != nil && found.PinnedIsLive:
		return Principal{Name: pinned.Name}
	case found.Undecided:
		return Principal{
			Reason:  v1alpha1.ReasonPrincipalAmbiguous,
			Message: fmt.Sprintf("it is not decided yet which object holds the name of %s; this is looked at again every two seconds", Selector(p)),
		}
	case len(found.Candidates) == 0:
		return Principal{Reason: v1alpha1.ReasonPrincipalNotFound, Message: notFound(p)}
	case len(found.Candidates) > 1:
		return Principal{
			Reason: v1alpha1.ReasonPrincipalAmbiguous,
			Message: fmt.Sprintf("%s is that of %s: name one of them by spec.principal.name, or make the values differ in the identity provider",
				Selector(p), strings.Join(found.Candidates, ", ")),
		}
	}
	if message := replaced(p, pinned, found); message != "" {
		return Principal{Reason: v1alpha1.ReasonPrincipalChanged, Message: message}
	}
	return Principal{Name: found.Candidates[0]}
}

// replaced says that the only candidate is another object than the pinned one; "" if it is not.
func replaced(p v1alpha1.AccessPrincipal, pinned *v1alpha1.PinnedPrincipal, found Found) string {
	switch {
	case pinned == nil:
		return ""
	case found.Candidates[0] != pinned.Name:
		return fmt.Sprintf("%s was %s, which is gone, and is %s now; if that is the same principal, set spec.principal.confirmed to %q",
			Selector(p), pinned.Name, found.Candidates[0], found.Candidates[0])
	case found.PinnedIsReplaced:
		return fmt.Sprintf("%s was synchronized, and is another object now, of source Manual; if that is to have the role, delete the assignment and create it again",
			Selector(p))
	}
	return ""
}

func notFound(p v1alpha1.AccessPrincipal) string {
	if p.Name != "" {
		return fmt.Sprintf("there is no live %s in this namespace", Selector(p))
	}
	return fmt.Sprintf("no live, synchronized object of this namespace is %s; one of source Manual is named by spec.principal.name", Selector(p))
}
