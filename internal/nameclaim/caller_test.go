package nameclaim

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

const namespace = "acme"

// now is when everything happens, so that a refresh has to move acquiredAt by itself.
var now = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)

// caller is the client of one operation. Each request is a point at which the search decides what comes next.
type caller struct {
	client.Client // nil: a request that the search does not know ends the test

	claims *Claims
	rule   rule // left out
	index  *[numNames][]userID
	yield  func(request) bool
	answer answer
	// acked is what the operation's client is told if the next write of a user succeeds.
	acked spelling
}

// stopped unwinds an operation that is not continued.
type stopped struct{}

func newCaller(s *search, yield func(request) bool) *caller {
	c := &caller{rule: s.rule, index: &s.index, yield: yield}
	c.claims = New(c, c, func() time.Time { return now })
	c.claims.pause = func(context.Context, int) bool { return false }
	c.claims.isAbandoned = c.isAbandoned
	return c
}

func (c *caller) send(r request) answer {
	if !c.yield(r) {
		panic(stopped{})
	}
	return c.answer
}

// Named returns the live users of a name when the search began: a cache may be that old.
func (c *caller) Named(name Name) (ids []string) {
	if c.rule == lookIntoIndex {
		return nil
	}
	for _, id := range c.index[spellingOf(name.Folded).index()] {
		ids = append(ids, id.String())
	}
	return ids
}

func (c *caller) isAbandoned(claim *v1alpha1.CloudSSONameClaim) bool {
	if c.rule == waitBeforeTakeOver {
		return true
	}
	return c.send(request{verb: askAbandoned, name: claimedName(claim), version: parse(claim.ResourceVersion)}).code == ok
}

// Get implements [client.Reader].
func (c *caller) Get(_ context.Context, key client.ObjectKey, o client.Object, _ ...client.GetOption) error {
	switch o := o.(type) {
	case *v1alpha1.CloudSSOUser:
		id := idOf(key.Name)
		a := c.send(request{verb: getUser, id: id})
		if a.code == ok {
			*o = *userObject(id, a.user)
		}
		return errorOf(a.code, o, key.Name)
	case *v1alpha1.CloudSSONameClaim:
		name := nameOf(key)
		a := c.send(request{verb: getClaim, name: name})
		if a.code == ok {
			*o = *claimObject(name, a.claim)
		}
		return errorOf(a.code, o, key.Name)
	}
	panic(fmt.Sprintf("get %T", o))
}

// Create implements [client.Writer].
func (c *caller) Create(_ context.Context, o client.Object, _ ...client.CreateOption) error {
	switch o := o.(type) {
	case *v1alpha1.CloudSSOUser:
		return c.writeUser(request{verb: createUser}, o)
	case *v1alpha1.CloudSSONameClaim:
		return c.writeClaim(request{verb: createClaim}, o)
	}
	panic(fmt.Sprintf("create %T", o))
}

// Update implements [client.Writer].
func (c *caller) Update(_ context.Context, o client.Object, _ ...client.UpdateOption) error {
	switch o := o.(type) {
	case *v1alpha1.CloudSSOUser:
		return c.writeUser(request{verb: updateUser}, o)
	case *v1alpha1.CloudSSONameClaim:
		return c.writeClaim(request{verb: updateClaim}, o)
	}
	panic(fmt.Sprintf("update %T", o))
}

// updateStatus writes the status of a user.
func (c *caller) updateStatus(u *v1alpha1.CloudSSOUser) error {
	if c.rule == acceptByVersion {
		u.ResourceVersion = ""
	}
	return c.writeUser(request{verb: updateStatus}, u)
}

// editByHand gives a user another userName, as a person does with kubectl, and makes it live.
func (c *caller) editByHand(id userID, name spelling) error {
	return errorOf(c.send(request{verb: editUser, id: id, user: user{userName: name}}).code, &v1alpha1.CloudSSOUser{}, id.String())
}

// Delete implements [client.Writer].
func (c *caller) Delete(_ context.Context, o client.Object, options ...client.DeleteOption) error {
	r := request{verb: deleteUser}
	if p := (&client.DeleteOptions{}).ApplyOptions(options).Preconditions; p != nil {
		r.version = parse(*p.ResourceVersion)
		if p.UID != nil {
			r.uid = parse(string(*p.UID))
		}
	}
	switch o := o.(type) {
	case *v1alpha1.CloudSSOUser:
		r.id = idOf(o.Name)
	case *v1alpha1.CloudSSONameClaim:
		r.verb, r.name = deleteClaim, claimedName(o)
		if c.rule == releaseByVersion {
			r.holder, r.version, r.uid = idOf(o.Spec.Holder), 0, 0
		}
	}
	return errorOf(c.send(r).code, o, o.GetName())
}

// told says what the operation's client is told if the next write of a user succeeds.
func (c *caller) told(name string) *caller {
	c.acked = spellingOf(name)
	return c
}

func (c *caller) writeUser(r request, o *v1alpha1.CloudSSOUser) error {
	r.id, r.version, r.acked = idOf(o.Name), parse(o.ResourceVersion), c.acked
	c.acked = unnamed
	r.user = user{
		userName:      spellingOf(o.Spec.UserName),
		claimedName:   spellingOf(o.Status.ClaimedName),
		manual:        o.Spec.Source == v1alpha1.SourceManual,
		deprovisioned: o.Spec.DeprovisionedAt != nil,
		deleting:      o.DeletionTimestamp != nil,
		guarded:       slices.Contains(o.Finalizers, v1alpha1.FinalizerGuard),
		bound:         slices.Contains(o.Finalizers, v1alpha1.FinalizerMemberships),
	}
	r.refused = o.Annotations[refuse] != ""
	a := c.send(r)
	if a.code == ok && a.user.userName != unnamed {
		*o = *userObject(r.id, a.user)
	}
	return errorOf(a.code, o, o.Name)
}

// refuse is an annotation on a user that admission refuses.
const refuse = "refuse"

func (c *caller) writeClaim(r request, o *v1alpha1.CloudSSONameClaim) error {
	r.name, r.holder = claimedName(o), idOf(o.Spec.Holder)
	r.version, r.uid = parse(o.ResourceVersion), parse(string(o.UID))
	if nameOf(client.ObjectKeyFromObject(o)) != r.name || o.Spec.Kind != v1alpha1.ClaimedByUser || o.Labels[v1alpha1.LabelExcludeFromBackup] == "" {
		panic(fmt.Sprintf("claim %+v", o))
	}
	if r.verb == updateClaim {
		if r.version == 0 || r.uid == 0 {
			panic("an update of a claim without a precondition")
		}
		r.unchanged = o.Annotations[holderAsRead] == o.Spec.Holder && (o.Spec.AcquiredAt.Time.Equal(now) || c.rule == refreshOwn)
		delete(o.Annotations, holderAsRead)
	}
	a := c.send(r)
	if a.code == ok {
		*o = *claimObject(r.name, a.claim)
	}
	return errorOf(a.code, o, o.Name)
}

// holderAsRead is an annotation by which an update shows what it changes.
const holderAsRead = "holder-as-read"

func userObject(id userID, u user) *v1alpha1.CloudSSOUser {
	o := newUserObject(id, u.userName)
	o.ResourceVersion, o.UID = format(u.version), types.UID(o.Name)
	o.Status.ClaimedName = nameIn(u.claimedName)
	if u.manual {
		o.Spec.Source = v1alpha1.SourceManual
	}
	if u.deprovisioned {
		o.Spec.DeprovisionedAt = &metav1.Time{Time: now}
	}
	if u.deleting {
		o.DeletionTimestamp = &metav1.Time{Time: now}
	}
	if u.guarded {
		o.Finalizers = append(o.Finalizers, v1alpha1.FinalizerGuard)
	}
	if u.bound {
		o.Finalizers = append(o.Finalizers, v1alpha1.FinalizerMemberships)
	}
	return o
}

func newUserObject(id userID, name spelling) *v1alpha1.CloudSSOUser {
	return &v1alpha1.CloudSSOUser{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: id.String()},
		Spec:       v1alpha1.CloudSSOUserSpec{UserName: nameIn(name), Source: v1alpha1.SourceSCIM},
	}
}

func claimObject(name spelling, c claim) *v1alpha1.CloudSSONameClaim {
	key := keys[name.index()]
	return &v1alpha1.CloudSSONameClaim{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: key.Namespace, Name: key.Name, ResourceVersion: format(c.version), UID: types.UID(format(c.uid)),
			Labels:      map[string]string{v1alpha1.LabelExcludeFromBackup: "true"},
			Annotations: map[string]string{holderAsRead: c.holder.String()},
		},
		Spec: v1alpha1.CloudSSONameClaimSpec{
			Kind: v1alpha1.ClaimedByUser, Name: UserName(namespace, nameIn(name)).Folded, Holder: c.holder.String(), AcquiredAt: metav1.NewMicroTime(now),
		},
	}
}

var keys = [numNames]client.ObjectKey{UserName(namespace, "X").Key(), UserName(namespace, "Y").Key()}

func nameOf(key client.ObjectKey) spelling { return upperX + spelling(slices.Index(keys[:], key)) }

// claimedName returns the name in capital letters.
func claimedName(o *v1alpha1.CloudSSONameClaim) spelling {
	return upperX + spelling(spellingOf(o.Spec.Name).index())
}

func nameIn(s spelling) string {
	if s == unnamed {
		return ""
	}
	return s.String()
}

func spellingOf(s string) spelling {
	for i := range len(spellings) {
		if s == spellings[i:i+1] {
			return spelling(i)
		}
	}
	return unnamed
}

func idOf(name string) userID {
	for i := range len(idLetters) {
		if name == idLetters[i:i+1] {
			return userID(i)
		}
	}
	panic("unknown user " + name)
}

func format(version uint8) string { return strconv.Itoa(int(version)) }

// parse returns 0, which is no precondition, for an object that was not read.
func parse(version string) uint8 {
	if version == "" {
		return 0
	}
	v, err := strconv.ParseUint(version, 10, 8)
	if err != nil {
		panic(err)
	}
	return uint8(v)
}

func errorOf(c code, o client.Object, name string) error {
	resource := schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: fmt.Sprintf("%T", o)}
	switch c {
	case ok:
		return nil
	case notFound:
		return apierrors.NewNotFound(resource, name)
	case alreadyExists:
		return apierrors.NewAlreadyExists(resource, name)
	case conflict:
		return apierrors.NewConflict(resource, name, nil)
	case forbidden:
		return apierrors.NewForbidden(resource, name, nil)
	}
	panic("no error")
}
