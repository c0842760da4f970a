package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"time"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"

	scimserver "github.com/cloudsso/cloudsso-operator/internal/scim/server"
	"github.com/cloudsso/cloudsso-operator/internal/tracing"
)

// validateTracing requires a URL with nothing but what the exporter reads.
func (o *options) validateTracing() error {
	if isShare := o.tracingRate >= 0 && o.tracingRate <= 1; !isShare { // NaN is none either
		return fmt.Errorf("--tracing-sampling-rate %v must be from 0 to 1", o.tracingRate)
	}
	if o.tracingEndpoint == "" {
		return nil
	}
	u, err := url.Parse(o.tracingEndpoint)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.Port() == "" || *u != (url.URL{Scheme: u.Scheme, Host: u.Host}) {
		return fmt.Errorf("--tracing-endpoint %q is not a URL with a port and without a path, such as https://collector.observability:4317", o.tracingEndpoint)
	}
	return nil
}

// newTracer returns what traces requests; nil without --tracing-endpoint.
func (o *options) newTracer(ctx context.Context) (*tracing.Tracer, error) {
	if o.tracingEndpoint == "" {
		return nil, nil
	}
	replica, err := os.Hostname() // the name of the Pod
	if err != nil {
		return nil, fmt.Errorf("naming this replica in traces: %w", err)
	}
	return tracing.New(ctx, tracing.Options{
		Endpoint: o.tracingEndpoint, SamplingRate: o.tracingRate, Version: version, Instance: replica,
		Log: slog.New(logr.ToSlogHandler(ctrl.Log.WithName("tracing"))), Now: time.Now,
	})
}

// scimTracer returns the tracer for scimserver.Options.Tracer.
func (o *observer) scimTracer() scimserver.Tracer {
	if o.tracer == nil {
		return nil // a nil *tracing.Tracer would not be a nil scimserver.Tracer
	}
	return o.tracer
}
