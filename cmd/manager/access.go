package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/cloudsso/cloudsso-operator/internal/bindings"
	"github.com/cloudsso/cloudsso-operator/internal/priority"
	"github.com/cloudsso/cloudsso-operator/internal/store"
)

// rememberAfterLease is for how much longer than a lease a replica remembers a revocation. A leader that has lost its lease
// may have a write under way, and the next one begins with what its informers show.
const rememberAfterLease = 5 * time.Second

// revokeAfterStop is how long a replica goes on to revoke after its end was asked for, until it carries out only what is left:
// the SCIM service accepts requests for three seconds more, and answers nearly all within another one.
const revokeAfterStop = 4 * time.Second

// cachedBindings returns what the informers cache of bindings, wherever they are: those that were projected from the
// assignments of the namespaces that the operator serves. Without --access it returns nil, and no informer of them is started.
func (o *options) cachedBindings() (map[client.Object]cache.ByObject, error) {
	if !o.access {
		return nil, nil
	}
	selector, err := bindings.Selector(o.namespaces)
	if err != nil {
		return nil, fmt.Errorf("selecting the bindings of --namespaces: %w", err)
	}
	return map[client.Object]cache.ByObject{
		&rbacv1.RoleBinding{}:        {Label: selector, Namespaces: map[string]cache.Config{cache.AllNamespaces: {}}},
		&rbacv1.ClusterRoleBinding{}: {Label: selector},
		&rbacv1.Role{}:               {Namespaces: map[string]cache.Config{cache.AllNamespaces: {}}},
	}, nil
}

// addAccess adds what revokes on every replica, and returns it; nil without --access. A missing right is an error, because
// the informers would wait for it without an end, and the SCIM service for the informers.
func addAccess(ctx context.Context, mgr manager.Manager, o options, resources *store.Store, gate *priority.Gate, logger *slog.Logger) (*bindings.Bindings, error) {
	if !o.access {
		return nil, nil
	}
	direct, err := newDirectClient(mgr)
	if err != nil {
		return nil, err
	}
	var missing *bindings.MissingRightsError
	if err := bindings.CheckRights(ctx, direct); errors.As(err, &missing) {
		return nil, err
	} else if err != nil {
		logger.Warn("it cannot be checked whether the operator has its rights on bindings", "error", err)
	}
	projected, err := bindings.New(ctx, bindings.Config{
		Client:   direct,
		Cache:    mgr.GetCache(),
		Members:  resources,
		Claims:   resources.Claims(),
		Remember: o.leaseDuration + rememberAfterLease,
		Linger:   revokeAfterStop,
		Priority: gate,
		Registry: metrics.Registry,
		Now:      time.Now,
		Log:      logger,
	})
	if err != nil {
		return nil, err
	}
	resources.Revoker = projected
	ready := func(*http.Request) error { return projected.Available() }
	return projected, errors.Join(mgr.Add(projected), mgr.AddReadyzCheck("bindings", ready))
}

// removeBindings stops the operator if --stop-deployment names it, deletes the projected bindings of --namespaces, by default of
// the whole cluster, and reports how many it has deleted.
func removeBindings(ctx context.Context, o options, report io.Writer) error {
	if err := o.validateShard(); err != nil {
		return err
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("finding the cluster: %w", err)
	}
	config.UserAgent, config.QPS, config.Timeout = userAgent(), -1, requestTimeout
	scheme, err := newScheme()
	if err != nil {
		return err
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return fmt.Errorf("reaching the cluster: %w", err)
	}
	if o.stopDeployment != "" {
		if err := stopDeployment(ctx, c, client.ObjectKey{Namespace: o.operatorNamespace, Name: o.stopDeployment}); err != nil {
			return err
		}
	}
	removed, err := bindings.RemoveAll(ctx, c, o.namespaces)
	fmt.Fprintf(report, "%d projected bindings removed\n", removed)
	return err
}
