// Package session opens the session of a SCIM request: who sends it, which directory it is about, and
// whether that directory is synchronized at all.
package session

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/server"
)

// Authenticator knows credentials: *auth.Authenticator.
type Authenticator interface {
	Authenticate(authorization, remote string) (auth.Principal, error)
}

// Directories holds the directories of all namespaces: *directory.Directories.
type Directories interface {
	Synced() bool
	Synchronization(ctx context.Context, namespace string) v1alpha1.Synchronization
	In(namespace string) scim.Directory
}

// Recorder remembers use and refusal: *usage.Recorder.
type Recorder interface {
	Used(auth.Principal)
	Refused(p auth.Principal, method, resource string)
}

// Opener opens sessions. All fields are required.
type Opener struct {
	Authenticator Authenticator
	Directories   Directories
	Recorder      Recorder
	// Prefix is the path that requests begin with: "/scim/v2".
	Prefix string
}

// warmUp is what a client is asked to wait while a replica is reading the directory at its start.
const warmUp = 2 * time.Second

// Open is server.Options.Authenticate.
func (o *Opener) Open(r *http.Request) (server.Session, error) {
	if !o.Directories.Synced() {
		return server.Session{}, scim.Unavailable(warmUp, errors.New("the informers have not synced yet"))
	}
	principal, err := o.Authenticator.Authenticate(r.Header.Get("Authorization"), r.RemoteAddr)
	if err != nil {
		return server.Session{Subject: subject(err)}, refusal(err)
	}
	o.Recorder.Used(principal)
	resource, discovery := o.resource(r)
	if !discovery && o.Directories.Synchronization(r.Context(), principal.Namespace) != v1alpha1.SynchronizationEnabled {
		if isWrite(r.Method, resource) {
			o.Recorder.Refused(principal, r.Method, resource)
		}
		return server.Session{Subject: principal.String()}, switchedOff(principal.Namespace)
	}
	return server.Session{Directory: o.Directories.In(principal.Namespace), Subject: principal.String()}, nil
}

// resource is what the request is for, below the prefix, and whether that is discovery (RFC 7644
// section 4), which answers whatever the switch says.
func (o *Opener) resource(r *http.Request) (resource string, discovery bool) {
	resource = strings.Trim(strings.TrimPrefix(r.URL.Path, o.Prefix), "/")
	kind, _, _ := strings.Cut(resource, "/")
	switch kind {
	case "ServiceProviderConfig", "ResourceTypes", "Schemas":
		return resource, true
	}
	return resource, false
}

// isWrite says whether a request would have changed something; a POST to .search asks (RFC 7644 section
// 3.4.3).
func isWrite(method, resource string) bool {
	return method != http.MethodGet && method != http.MethodHead && !strings.HasSuffix(resource, ".search")
}

func subject(err error) string {
	var failure *auth.Error
	if errors.As(err, &failure) && !failure.Principal.IsZero() {
		return failure.Principal.String()
	}
	return ""
}

// refusal tells the client that it may not come in, or not yet, and never why: that goes to the log.
func refusal(err error) error {
	var failure *auth.Error
	if errors.As(err, &failure) && failure.RetryAfter > 0 {
		return &scim.Error{
			Status:     http.StatusTooManyRequests,
			Detail:     fmt.Sprintf("too many requests; try again in %d seconds", failure.RetryAfter),
			RetryAfter: time.Duration(failure.RetryAfter) * time.Second,
			Cause:      err,
		}
	}
	return &scim.Error{
		Status: http.StatusUnauthorized,
		Detail: "the credential is missing or not valid; give the identity provider the token of a SCIMCredential that is Ready",
		Cause:  err,
	}
}

func switchedOff(namespace string) error {
	return &scim.Error{
		Status: http.StatusForbidden,
		Detail: fmt.Sprintf("SCIM synchronization is Disabled for the directory %q; nothing was changed. To switch it on: "+
			`kubectl -n %s patch cloudssodirectory default --type=merge -p '{"spec":{"scimSynchronization":"Enabled"}}'`, namespace, namespace),
	}
}
