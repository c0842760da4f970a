package nameclaim

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssonameclaims,verbs=get;list;create;update;delete
// +kubebuilder:rbac:groups=cloudsso.dev,resources=cloudssousers;cloudssogroups,verbs=get

// Index is this replica's cached view of users and groups.
type Index interface {
	// Named returns the metadata.names of the live objects that have a name, in the order in which they are entitled
	// to it: source SCIM before Manual, then the older, then by metadata.name.
	Named(Name) []string
}

// Claims reads and writes the CloudSSONameClaims of every namespace. Safe for concurrent use.
type Claims struct {
	// Contention, if not nil, is told of each attempt to acquire a claim that met another writer of it. It can be set until
	// the first attempt.
	Contention func(v1alpha1.ClaimedKind)

	client client.Client
	index  Index
	now    func() time.Time
	// pause waits between two looks at a claim of a request that is under way; false ends the waiting.
	pause func(ctx context.Context, attempt int) bool
	// abandonment remembers claims for isAbandoned, which reports whether no request can be working on one any more.
	abandonment *abandonment
	isAbandoned func(*v1alpha1.CloudSSONameClaim) bool
}

// New returns Claims. The client must read from the API server, not from a cache.
func New(c client.Client, index Index, now func() time.Time) *Claims {
	a := newAbandonment(now)
	return &Claims{client: c, index: index, now: now, pause: pauseBriefly, abandonment: a, isAbandoned: a.isAbandoned}
}

// TakenError says that another live object holds the name.
type TakenError struct {
	Name Name
	// Holder is the user or group as the API server had it. If it is to get another request's attributes, as in a
	// restore or an adoption, Acquire the name for it first, and then write it with this resourceVersion. Otherwise a
	// request that read the claim before the holder had the name could still take it over.
	Holder client.Object
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("%s %q is already that of %s %s/%s", e.Name.Attribute(), e.Name.Folded, e.Name.Kind, e.Name.Namespace, e.Holder.GetName())
}

// PendingError says that the claim of a name belongs to a request that is under way, or that ended without an
// answer. A later attempt finds the name held, or takes the claim over.
type PendingError struct {
	Name   Name
	Claim  string // metadata.name
	Holder string // metadata.name of the object that the claim was written for
}

func (e *PendingError) Error() string {
	return fmt.Sprintf("CloudSSONameClaim %s/%s holds %s %q for %s %s, which does not have that name (yet); if that request has failed, the claim is taken over within %s",
		e.Name.Namespace, e.Claim, e.Name.Attribute(), e.Name.Folded, e.Name.Kind, e.Holder, takeOverAfter)
}

// OvertakenError says that other writers changed the claim of a name at each attempt to write it. Each of them made
// progress, so the caller gets its turn if it backs off and tries again.
type OvertakenError struct{ Name Name }

func (e *OvertakenError) Error() string {
	return fmt.Sprintf("CloudSSONameClaim %s was changed by other writers at each of %d attempts", e.Name.Key(), maxAttempts)
}

// Holder returns the live object that holds the name, or nil if none does. Claim and object are read live, so the
// answer was true at some moment during the call.
func (c *Claims) Holder(ctx context.Context, name Name) (client.Object, error) {
	claim, err := c.read(ctx, name)
	if err != nil || claim == nil {
		return nil, err
	}
	holder, err := c.readHolder(ctx, name, claim.Spec.Holder)
	if err != nil || holder == nil || !name.isHeldBy(holder) {
		return nil, err
	}
	return holder, nil
}

// HeldBy returns the claim on the name if it is id's, else nil. Release it after the object that had the name has
// been written without it.
func (c *Claims) HeldBy(ctx context.Context, name Name, id string) (*v1alpha1.CloudSSONameClaim, error) {
	claim, err := c.read(ctx, name)
	if err != nil || claim == nil || claim.Spec.Holder != id {
		return nil, err
	}
	return claim, nil
}

// read returns the claim on the name, or nil.
func (c *Claims) read(ctx context.Context, name Name) (*v1alpha1.CloudSSONameClaim, error) {
	claim := &v1alpha1.CloudSSONameClaim{}
	err := c.client.Get(ctx, name.Key(), claim)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading the claim on %s %q: %w", name.Attribute(), name.Folded, err)
	case claim.Spec.Kind != name.Kind || claim.Spec.Name != name.Folded:
		return nil, fmt.Errorf("CloudSSONameClaim %s is on %s %q, not on %s %q: the operator does not write such a claim; delete it as the operator (kubectl delete --as, with the name of its service account), and it is written again",
			name.Key(), claim.Spec.Kind, claim.Spec.Name, name.Kind, name.Folded)
	}
	return claim, nil
}

// readHolder returns the user or group of that metadata.name, or nil.
func (c *Claims) readHolder(ctx context.Context, name Name, id string) (client.Object, error) {
	o := name.newObject()
	err := c.client.Get(ctx, client.ObjectKey{Namespace: name.Namespace, Name: id}, o)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the holder of %s %q: %w", name.Attribute(), name.Folded, err)
	}
	return o, nil
}

// acquisition returns the time to write into a claim: now, or the next microsecond if the claim says now already,
// because an update that changes nothing would leave the resourceVersion as it is.
func (c *Claims) acquisition(earlier metav1.MicroTime) metav1.MicroTime {
	now := metav1.NewMicroTime(c.now().UTC().Truncate(time.Microsecond))
	if !now.After(earlier.Time) {
		return metav1.NewMicroTime(earlier.Add(time.Microsecond))
	}
	return now
}
