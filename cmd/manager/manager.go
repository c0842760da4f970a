package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/uuid"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/controllers"
	"github.com/cloudsso/cloudsso-operator/controllers/credential"
	"github.com/cloudsso/cloudsso-operator/internal/audit"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
	"github.com/cloudsso/cloudsso-operator/internal/auth/authcache"
	"github.com/cloudsso/cloudsso-operator/internal/compact"
	"github.com/cloudsso/cloudsso-operator/internal/priority"
	scimserver "github.com/cloudsso/cloudsso-operator/internal/scim/server"
	"github.com/cloudsso/cloudsso-operator/internal/scimauth"
	"github.com/cloudsso/cloudsso-operator/internal/shard"
	"github.com/cloudsso/cloudsso-operator/internal/store"
	"github.com/cloudsso/cloudsso-operator/internal/usage"
)

// shutdownTimeout is how long everything together may take to end: a little more than draining takes.
const shutdownTimeout = lastCall + lastWord + drainTimeout + 5*time.Second

// run runs the operator until ctx ends. Every SCIM request has a line in the provisioning log.
func run(ctx context.Context, o options, provisioning slog.Handler) error {
	if err := o.validate(); err != nil {
		return err
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("finding the cluster: %w", err)
	}
	config.QPS = -1 // API Priority and Fairness is the limit; a client's own would make leavers wait
	served := shard.New(o.namespaces...)
	mgr, err := newManager(config, o, served)
	if err != nil {
		return err
	}
	gate := &priority.Gate{}
	directories, err := addSCIM(ctx, mgr, o, served, provisioning, gate)
	if err != nil {
		return err
	}
	err = mgr.Add(&leading{serving: mgr, served: served, options: o, setUp: func(mgr manager.Manager) error {
		return controllers.SetupWithManager(mgr, controllers.Config{
			Endpoint:       o.scimURL,
			UserNamesakes:  directories.UserNamesakes,
			GroupNamesakes: directories.GroupNamesakes,
			GroupsOf:       directories.GroupsOf,
			ListsOf:        directories.ListsOf,
			AllListsOf:     directories.AllListsOf,
			Leavers:        gate,
		})
	}})
	if err != nil {
		return err
	}
	return mgr.Start(ctx)
}

func newManager(config *rest.Config, o options, served *shard.Shard) (manager.Manager, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	graceful := shutdownTimeout
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:   scheme,
		NewCache: served.NewCache,
		Cache: cache.Options{
			DefaultTransform: compact.Transform,
			ByObject:         map[client.Object]cache.ByObject{&corev1.Secret{}: credential.SecretCacheOptions()},
		},
		Metrics:                 server.Options{BindAddress: o.metricsAddress},
		HealthProbeBindAddress:  o.probeAddress,
		GracefulShutdownTimeout: &graceful,
	})
	if err != nil {
		return nil, fmt.Errorf("reaching the cluster: %w", err)
	}
	return mgr, mgr.AddHealthzCheck("ping", healthz.Ping)
}

// addSCIM adds the SCIM service, which every replica runs.
func addSCIM(ctx context.Context, mgr manager.Manager, o options, served *shard.Shard, provisioning slog.Handler, gate *priority.Gate) (*shard.Directories, error) {
	logger := slog.New(logr.ToSlogHandler(mgr.GetLogger().WithName("scim")))
	// A client of its own: it reads live, and its writes are waited for by the directory itself.
	direct, err := client.New(mgr.GetConfig(), client.Options{Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(), HTTPClient: mgr.GetHTTPClient()})
	if err != nil {
		return nil, err
	}
	observer, err := newObserver(audit.New(provisioning), metrics.Registry)
	if err != nil {
		return nil, err
	}
	events := mgr.GetEventRecorder("scim")
	directories, err := served.Watch(ctx, store.Config{
		Client:            direct,
		SentinelNamespace: o.operatorNamespace,
		Emit: func(on runtime.Object, eventType, reason, note string) {
			events.Eventf(on, nil, eventType, reason, "Synchronize", "%s", note)
		},
		Log:     logger,
		Lag:     observer.lagged,
		Leavers: gate,
		Now:     time.Now,
		NewID:   func() string { return string(uuid.NewUUID()) },
	})
	if err != nil {
		return nil, err
	}
	authenticator := auth.New(auth.Options{})
	keysSynced, err := authcache.Watch(ctx, mgr.GetCache(), authenticator.Keyring())
	if err != nil {
		return nil, err
	}
	recorder := usage.New(direct, direct, time.Now)
	opener := &scimauth.Opener{Authenticator: authenticator, Directories: directories, Recorder: recorder, Prefix: scimPrefix, KeysSynced: keysSynced}
	listener, err := newSCIMServer(mgr, o, scimserver.New(scimserver.Options{
		Authenticate: opener.Open,
		BaseURL:      o.scimURL,
		Prefix:       scimPrefix,
		Observe:      observer.observe,
		Logger:       logger,
	}))
	if err != nil {
		return nil, err
	}
	ready := func(*http.Request) error {
		if !directories.Synced() || !keysSynced() {
			return errors.New("still reading the directories and their credentials")
		}
		return nil
	}
	return directories, errors.Join(mgr.Add(recorder), mgr.Add(listener), mgr.Add(rester{restInterval, restAfter}), mgr.AddReadyzCheck("directories", ready))
}
