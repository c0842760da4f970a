package store

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/cachetransform"
	"github.com/cloudsso/cloudsso-operator/internal/informer"
	"github.com/cloudsso/cloudsso-operator/internal/nameclaim"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
	"github.com/cloudsso/cloudsso-operator/internal/store/index"
)

// kind is all that differs between users, groups, and the slices of groups.
type kind[T client.Object] struct {
	resource    *schema.ResourceType
	name        *schema.Attribute // the attribute that is unique: userName, displayName; nil for slices
	claimedKind v1alpha1.ClaimedKind
	fallback    string // begins the id of an object whose name leaves no slug
	copy        func(T) T
	spec        func(T) any // pointer to the spec
	keys        func(T) index.Keys
	// attribute returns an attribute that is in the spec, nil if it is unassigned.
	attribute func(T, *schema.Attribute) (value any, known bool)
	represent func(*namespacedStore, T, scim.Omit) *scim.Resource
	// isShown reports whether SCIM shows the difference between two specs; nil if it shows every one.
	isShown func(current, next T) bool
	// onlyWithholds reports whether the difference between two specs is that a deactivation is withheld, which changes nothing
	// yet; nil if it never is.
	onlyWithholds func(current, next T) bool
	// acceptedName returns the name that a controller has found a Manual object to hold.
	acceptedName func(T) string
}

// collection is the objects of one kind in every namespace.
type collection[T client.Object] struct {
	kind[T]
	*Store
	index   *index.Index[T]
	source  *informer.Source
	pending pendingWrites[T]
}

func newCollection[T client.Object](s *Store, k kind[T]) *collection[T] {
	c := &collection[T]{kind: k, Store: s}
	c.source = s.Sources.Of(c.newObject())
	c.index = index.New(func(o T) index.Keys {
		keys := k.keys(o)
		keys.Trimmed = cachetransform.IsTrimmed(o)
		return keys
	}, c.source.ListRevision)
	return c
}

// checkWhole returns an error until the index has each object of a namespace with all its fields, not trimmed. That takes a
// moment after its directory was created.
func (c *collection[T]) checkWhole(namespace string) error {
	if c.source.IsWhole(namespace) && !c.index.HasTrimmed(namespace) {
		return nil
	}
	return errNotWhole(namespace)
}

// checkWholeObjects returns an error if an object that the index has returned is trimmed.
func checkWholeObjects[T client.Object](objects ...T) error {
	for _, o := range objects {
		if cachetransform.IsTrimmed(o) {
			return errNotWhole(o.GetNamespace())
		}
	}
	return nil
}

func errNotWhole(namespace string) error {
	return unavailable(fmt.Errorf("still reading the users and groups of namespace %s, which has just got a directory", namespace),
		"this replica is still reading the directory, which has just been created; try again")
}

// newObject returns an empty object.
func (c *collection[T]) newObject() T {
	var none T
	o, _ := reflect.New(reflect.TypeOf(none).Elem()).Interface().(T)
	return o
}

// maxFailing is for how long the list or watch of a kind may fail before this replica refuses to answer from its index:
// longer than an API server's restart is noticed, shorter than a provider's patience.
const maxFailing = 5 * time.Second

// available returns an error if the index may be older than maxFailing.
func (c *collection[T]) available() error {
	if failing := c.source.Failing(); failing >= maxFailing {
		return fmt.Errorf("this replica has not reached the API server's %s for %s", c.resource.Name, failing.Round(time.Second))
	}
	if failing := c.directories.source.Failing(); failing >= maxFailing {
		return fmt.Errorf("this replica has not reached the API server's directories for %s", failing.Round(time.Second))
	}
	return nil
}

// read returns the object as the API server has it now, or NotFound.
func (c *collection[T]) read(ctx context.Context, namespace, id string) (T, error) {
	o := c.newObject()
	if len(validation.IsDNS1123Subdomain(id)) > 0 { // the API server holds no object of such a name, and the client would not ask
		return o, scim.NotFound(c.resource.Name, id)
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	err := c.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: id}, o)
	if apierrors.IsNotFound(err) {
		return o, scim.NotFound(c.resource.Name, id)
	}
	return o, toSCIMError(err)
}

// readVisible returns the object as the API server has it now, or NotFound if another object holds its name.
func (c *collection[T]) readVisible(ctx context.Context, namespace, id string) (T, error) {
	o, err := c.read(ctx, namespace, id)
	if err == nil {
		err = c.checkHolder(ctx, o, c.keys(o).Name)
	}
	return o, err
}

// checkHolder returns NotFound if another object holds the name of an object, which folded is.
func (c *collection[T]) checkHolder(ctx context.Context, o T, folded string) error {
	isHidden, err := c.isHidden(ctx, o, folded)
	if err == nil && isHidden {
		err = scim.NotFound(c.resource.Name, o.GetName())
	}
	return err
}

// get returns an object that SCIM shows, or NotFound, which a live read has confirmed.
func (c *collection[T]) get(ctx context.Context, namespace, id string) (T, error) {
	var none T
	e := c.index.Get(namespace, id)
	if e == nil || !e.Listed {
		o, err := c.read(ctx, namespace, id)
		if err != nil {
			return none, err
		}
		if !c.keys(o).Listed {
			return none, scim.NotFound(c.resource.Name, id)
		}
		if e, err = c.waitShown(ctx, o); err != nil {
			return none, err
		}
	}
	if err := checkWholeObjects(e.Object); err != nil {
		return none, err
	}
	return e.Object, c.checkHolder(ctx, e.Object, e.Name)
}

// edit applies change to a copy of the object and stores it, on the condition that the object is still what the change
// was computed from. If it is not, edit begins again on a live read. A change that changes nothing, or fails, is
// confirmed on a live read and not written; its error is returned as it is.
func (c *collection[T]) edit(ctx context.Context, namespace, id string, change func(T) error) (T, error) {
	current, isFresh, err := c.find(ctx, namespace, id)
	if err != nil {
		return current, err
	}
	for attempts := c.newAttempts(namespace, id); ; isFresh = true {
		written, err := c.editOnce(ctx, current, isFresh, change)
		if !errors.Is(err, errStale) {
			return written, err
		}
		if err := attempts.next(ctx); err != nil {
			return current, err
		}
		if current, err = c.readVisible(ctx, namespace, id); err != nil {
			return current, err
		}
	}
}

// editOnce is one attempt of edit. It returns errStale if the next attempt may have another result.
func (c *collection[T]) editOnce(ctx context.Context, current T, isFresh bool, change func(T) error) (T, error) {
	next := c.copy(current)
	failed := change(next)
	isChanged := !equality.Semantic.DeepEqual(c.spec(current), c.spec(next))
	switch {
	case !isFresh && (failed != nil || !isChanged):
		return current, errStale
	case failed != nil:
		return current, failed
	case !isChanged:
		c.waitForOwnWrite(ctx, current) // so that no later read shows less than this one
		return current, nil
	}
	written, err := c.store(ctx, current, next)
	if err != nil {
		return current, toSCIMError(err)
	}
	c.waitForOwnWrite(ctx, written)
	return written, nil
}

// store writes next in the place of current. A new name is claimed before, and the old one released afterwards.
func (c *collection[T]) store(ctx context.Context, current, next T) (written T, err error) {
	from, to := nameclaim.NameOf(current), nameclaim.NameOf(next)
	if from == to {
		return c.write(ctx, current, next)
	}
	err = c.claims.Rename(ctx, from, to, current.GetName(), func() (err error) {
		written, err = c.write(ctx, current, next)
		return err
	})
	return written, err
}

// find returns the object as the index has it, or a live read if the index does not show it over SCIM.
func (c *collection[T]) find(ctx context.Context, namespace, id string) (o T, isFresh bool, err error) {
	if err := c.waitCaughtUp(ctx, namespace); err != nil {
		return o, false, err
	}
	e := c.index.Get(namespace, id)
	if e == nil || !e.Listed {
		o, err = c.readVisible(ctx, namespace, id)
		return o, true, err
	}
	if err := checkWholeObjects(e.Object); err != nil {
		return o, false, err
	}
	return e.Object, false, c.checkHolder(ctx, e.Object, e.Name)
}

// visible returns an object as SCIM shows it before a change, or NotFound, or the precondition's error.
func (c *collection[T]) visible(n *namespacedStore, o T, precondition scim.Precondition) (*scim.Resource, error) {
	if !c.keys(o).Listed {
		return nil, scim.NotFound(c.resource.Name, o.GetName())
	}
	current := c.represent(n, o, scim.Omit{Groups: true})
	if precondition != nil {
		return current, precondition(current)
	}
	return current, nil
}
