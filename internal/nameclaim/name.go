package nameclaim

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
	"github.com/cloudsso/cloudsso-operator/internal/scim/fold"
)

const (
	// foldVersion is the version of fold.Name in the names of claims. A fold that gives another result for any name
	// needs a new version and a migration: testdata/fold.golden in package fold holds the present one.
	foldVersion = "v1"
	// hashDigits of a SHA-256 are 160 bits: no two names of a directory share them by accident.
	hashDigits = 40
)

// Name is a userName or a group's displayName in one namespace.
type Name struct {
	Namespace string
	Kind      v1alpha1.ClaimedKind
	// Folded is fold.Name of the userName or displayName.
	Folded string
}

// UserName returns the Name of a userName in any spelling.
func UserName(namespace, userName string) Name {
	return Name{namespace, v1alpha1.ClaimedByUser, fold.Name(userName)}
}

// DisplayName returns the Name of a group's displayName in any spelling.
func DisplayName(namespace, displayName string) Name {
	return Name{namespace, v1alpha1.ClaimedByGroup, fold.Name(displayName)}
}

// Renamed returns the name of the same kind and namespace for another userName or displayName, in any spelling.
func (n Name) Renamed(to string) Name { return Name{n.Namespace, n.Kind, fold.Name(to)} }

// NameOf returns the name that a user or group has in its spec, whether it holds it or not.
func NameOf(o client.Object) Name {
	switch o := o.(type) {
	case *v1alpha1.CloudSSOUser:
		return UserName(o.Namespace, o.Spec.UserName)
	case *v1alpha1.CloudSSOGroup:
		return DisplayName(o.Namespace, o.Spec.DisplayName)
	}
	return Name{}
}

// Key returns the namespace and metadata.name of the name's claim.
func (n Name) Key() client.ObjectKey {
	hash := sha256.Sum256([]byte(n.Folded))
	kind := strings.ToLower(strings.TrimPrefix(string(n.Kind), "CloudSSO"))
	return client.ObjectKey{Namespace: n.Namespace, Name: kind + "-" + foldVersion + "-" + hex.EncodeToString(hash[:])[:hashDigits]}
}

// Attribute returns the SCIM attribute that holds names of this kind.
func (n Name) Attribute() string {
	if n.Kind == v1alpha1.ClaimedByGroup {
		return "displayName"
	}
	return "userName"
}

// ResourceType returns the SCIM resource type that has names of this kind.
func (n Name) ResourceType() string { return strings.TrimPrefix(string(n.Kind), "CloudSSO") }

// newObject returns an empty object of the kind that holds names of this kind.
func (n Name) newObject() client.Object {
	if n.Kind == v1alpha1.ClaimedByGroup {
		return &v1alpha1.CloudSSOGroup{}
	}
	return &v1alpha1.CloudSSOUser{}
}

// isHeldBy reports whether o is live and has the name.
func (n Name) isHeldBy(o client.Object) bool { return policy.IsLive(o) && NameOf(o) == n }
