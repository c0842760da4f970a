package authcache

import (
	"context"
	"fmt"

	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// Watch fills k from c for as long as c runs. It does not wait, and c may be started later.
//
// synced reports whether k has every object of c's first lists. Until then the Authenticator refuses valid
// tokens, so the replica is not ready.
func Watch(ctx context.Context, c cache.Cache, k *auth.Keyring) (synced func() bool, err error) {
	credentials, err := subscribe(ctx, c, &v1alpha1.SCIMCredential{}, credentialEvents(k))
	if err != nil {
		return nil, err
	}
	directories, err := subscribe(ctx, c, &v1alpha1.CloudSSODirectory{}, directoryEvents(k))
	if err != nil {
		return nil, err
	}
	return func() bool { return credentials() && directories() }, nil
}

func subscribe(ctx context.Context, c cache.Cache, kind client.Object, h toolscache.ResourceEventHandler) (func() bool, error) {
	informer, err := c.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, fmt.Errorf("watching %T for authentication: %w", kind, err)
	}
	registration, err := informer.AddEventHandler(h)
	if err != nil {
		return nil, fmt.Errorf("watching %T for authentication: %w", kind, err)
	}
	return registration.HasSynced, nil
}

func credentialEvents(k *auth.Keyring) toolscache.ResourceEventHandler {
	set := func(obj any) {
		if c, ok := obj.(*v1alpha1.SCIMCredential); ok {
			k.SetCredential(principal(c), auth.ParseTokenHash(c.Spec.TokenHash), policy.CredentialUseOf(c))
		}
	}
	return events(set, k.DeleteCredential)
}

func directoryEvents(k *auth.Keyring) toolscache.ResourceEventHandler {
	set := func(obj any) {
		d, ok := obj.(*v1alpha1.CloudSSODirectory)
		if !ok {
			return
		}
		if limit := d.Spec.RateLimit; limit != nil {
			k.SetBudget(d.Namespace, &auth.Budget{Rate: float64(limit.RequestsPerSecond), Burst: int(limit.Burst)})
		} else {
			k.SetBudget(d.Namespace, nil)
		}
	}
	return events(set, func(p auth.Principal) { k.SetBudget(p.Namespace, nil) })
}

func events(set func(any), deleted func(auth.Principal)) toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    set,
		UpdateFunc: func(_, obj any) { set(obj) },
		DeleteFunc: func(obj any) {
			if unknown, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
				obj = unknown.Obj
			}
			if o, ok := obj.(client.Object); ok {
				deleted(principal(o))
			}
		},
	}
}

func principal(o client.Object) auth.Principal {
	return auth.Principal{Namespace: o.GetNamespace(), Credential: o.GetName()}
}
