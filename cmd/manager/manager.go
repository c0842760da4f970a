package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/rand"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/controllers"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
	"github.com/cloudsso/cloudsso-operator/internal/auth/authcache"
	"github.com/cloudsso/cloudsso-operator/internal/cachetransform"
	"github.com/cloudsso/cloudsso-operator/internal/httpserver"
	"github.com/cloudsso/cloudsso-operator/internal/informer"
	"github.com/cloudsso/cloudsso-operator/internal/namespaceselector"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
	"github.com/cloudsso/cloudsso-operator/internal/priority"
	scimserver "github.com/cloudsso/cloudsso-operator/internal/scim/server"
	"github.com/cloudsso/cloudsso-operator/internal/scimauth"
	"github.com/cloudsso/cloudsso-operator/internal/store"
	"github.com/cloudsso/cloudsso-operator/internal/usage"
)

// shutdownTimeout is how long the manager waits for everything that it runs: for the HTTP server, and five seconds more
// for the components that end after it.
const shutdownTimeout = httpserver.ShutdownTimeout + 5*time.Second

// run runs the operator until ctx ends. Every SCIM request has a line in the provisioning log.
func run(ctx context.Context, o options, provisioning slog.Handler) error {
	if err := o.validate(); err != nil {
		return err
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("finding the cluster: %w", err)
	}
	config.UserAgent = userAgent()
	config.QPS = -1 // no client-side limit, because it would delay deactivations: API Priority and Fairness limits
	config.Wrap(informer.Transport)
	tracer, err := o.newTracer(ctx)
	if err != nil {
		return err
	}
	if tracer != nil {
		config.Wrap(tracer.Transport)
	}
	sources := &informer.Sources{}
	mgr, err := newManager(config, o, sources)
	if err != nil {
		return err
	}
	selector, err := addSelector(mgr, o)
	if err != nil {
		return err
	}
	logger := slog.New(logr.ToSlogHandler(mgr.GetLogger().WithName("scim")))
	auditConfig, err := o.auditConfig(provisioning)
	if err != nil {
		return err
	}
	observer, err := newObserver(auditConfig, logger, metrics.Registry)
	if err != nil {
		return err
	}
	observer.tracer = tracer
	defer observer.close() // after the last request
	gate := &priority.Gate{}
	resources, err := addSCIM(ctx, mgr, o, sources, observer, gate, selector)
	if err != nil {
		return err
	}
	projected, err := addAccess(ctx, mgr, o, resources, gate, logger)
	if err != nil {
		return err
	}
	err = mgr.Add(&leading{serving: mgr, options: o, setUp: func(mgr manager.Manager) error {
		return controllers.SetupWithManager(mgr, controllers.Config{
			Endpoint:    o.scimURL,
			Memberships: resources,
			Names:       resources,
			Principals:  resources,
			Claims:      resources.Claims(),
			Selector:    selector,
			Priority:    gate,
			Now:         now,

			Bindings:           projected,
			ExcludedNamespaces: append(slices.Clone(o.accessExcluded), o.operatorNamespace),
		})
	}})
	if err != nil {
		return err
	}
	return mgr.Start(ctx)
}

func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	return scheme, errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme))
}

func newManager(config *rest.Config, o options, sources *informer.Sources) (manager.Manager, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	byObject, err := o.cachedBindings()
	if err != nil {
		return nil, err
	}
	graceful := shutdownTimeout
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: scheme,
		Cache: cache.Options{
			NewInformer:       sources.NewInformer,
			DefaultNamespaces: o.cachedNamespaces(),
			ByObject:          byObject,
			DefaultTransform:  cachetransform.Transform,
		},
		Metrics:                 o.metrics(),
		HealthProbeBindAddress:  o.probeAddress,
		PprofBindAddress:        o.pprofAddress,
		GracefulShutdownTimeout: &graceful,
	})
	if err != nil {
		return nil, fmt.Errorf("reaching the cluster: %w", err)
	}
	sources.Trimming = cachetransform.Trimming(mgr.GetAPIReader()) // before the first informer
	return mgr, mgr.AddHealthzCheck("ping", healthz.Ping)
}

// metrics returns how the metrics are served.
func (o *options) metrics() server.Options {
	if !o.metricsSecure {
		return server.Options{BindAddress: o.metricsAddress}
	}
	return server.Options{
		BindAddress:    o.metricsAddress,
		SecureServing:  true,
		FilterProvider: filters.WithAuthenticationAndAuthorization,
		TLSOpts:        []func(*tls.Config){httpserver.RestrictTLS},
	}
}

// requestTimeout bounds a request to the API server, on both sides: the server must not carry out a write long after the
// SCIM request that sent it has ended.
const requestTimeout = 20 * time.Second

// newDirectClient returns a client that reads from the API server. It does not wait until the cache shows its writes,
// because the store does.
func newDirectClient(mgr manager.Manager) (client.Client, error) {
	config := rest.CopyConfig(mgr.GetConfig())
	config.Timeout = requestTimeout
	return client.New(config, client.Options{Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper()})
}

// addSelector adds what says which namespaces may be directories; nil if every namespace may be one.
func addSelector(mgr manager.Manager, o options) (*namespaceselector.Selector, error) {
	selector, err := o.newSelector(mgr.GetConfig())
	if err != nil || selector == nil {
		return nil, err
	}
	settled := func(*http.Request) error {
		if !selector.Settled() {
			return errors.New("still reading namespaces")
		}
		return nil
	}
	return selector, errors.Join(mgr.Add(selector), mgr.AddReadyzCheck("namespaces", settled))
}

// addSCIM adds the SCIM service, which every replica runs.
func addSCIM(ctx context.Context, mgr manager.Manager, o options, sources *informer.Sources, observer *observer, gate *priority.Gate, selector *namespaceselector.Selector) (*store.Store, error) {
	logger := observer.logger
	direct, err := newDirectClient(mgr)
	if err != nil {
		return nil, err
	}
	events := mgr.GetEventRecorder(policy.FieldManager)
	record := func(kind string) func(runtime.Object, string, string) {
		return func(on runtime.Object, reason, note string) {
			events.Eventf(on, nil, kind, reason, "Synchronize", "%s", auth.Redact(note))
		}
	}
	resources, err := store.New(ctx, store.Config{
		Client:     direct,
		Cache:      mgr.GetCache(),
		Sources:    sources,
		Warn:       record(corev1.EventTypeWarning),
		Inform:     record(corev1.EventTypeNormal),
		Log:        logger,
		Lag:        observer.observeLag,
		Retry:      observer.retries.Inc,
		Contention: observer.observeContention,
		Priority:   gate,
		Selection:  selector.Of,
		Now:        time.Now,
		NewSuffix:  func() string { return rand.String(suffixLength) },
	})
	if err != nil {
		return nil, err
	}
	tokens := auth.New(auth.Options{MaxRate: float64(o.maxRate)})
	keysSynced, err := authcache.Watch(ctx, mgr.GetCache(), tokens.Keyring())
	if err != nil {
		return nil, err
	}
	recorder := usage.New(direct, time.Now)
	authenticator := &scimauth.Authenticator{Tokens: tokens, Stores: resources, Recorder: recorder, Prefix: scimPrefix, KeysSynced: keysSynced}
	listener, err := httpserver.New(httpserver.Config{
		Address:   o.listenAddress(),
		CertFile:  o.certFile,
		KeyFile:   o.keyFile,
		PlainHTTP: o.insecureHTTP,
		Log:       logger,

		TrustedProxies: networks(o.trustedProxies),
		Handler: scimserver.New(scimserver.Options{
			Authenticate: authenticator.Authenticate,
			BaseURL:      o.scimURL,
			Prefix:       scimPrefix,
			BeforeChange: observer.beforeChange,
			Observe:      observer.observe,
			Tracer:       observer.scimTracer(),
			Logger:       logger,
		}),
	})
	if err != nil {
		return nil, fmt.Errorf("serving SCIM: %w; see --scim-bind-address, --scim-tls-cert-file and --scim-tls-key-file", err)
	}
	ready := func(*http.Request) error {
		if !keysSynced() {
			return errors.New("still reading credentials")
		}
		return resources.Available()
	}
	announcement := &announcement{ready: ready, log: logger, address: listener.Addr().String(), url: o.scimURL, tls: !o.insecureHTTP}
	return resources, errors.Join(mgr.Add(recorder), mgr.Add(listener), mgr.Add(announcement), mgr.AddReadyzCheck("scim", listener.Ready), mgr.AddReadyzCheck("store", ready))
}

// suffixLength is the length of the random suffix of an object's name: that of the API server's generateName.
const suffixLength = 5
