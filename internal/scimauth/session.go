// Package session opens the session of a SCIM request: who sends it, which directory it is about, and
// whether that directory is synchronized at all.
package scimauth

import (
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
	Exists(namespace string) bool
	Synchronization(namespace string) v1alpha1.Synchronization
	In(namespace string) scim.Store
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
	// KeysSynced reports whether every credential that exists is known.
	KeysSynced func() bool
	// Prefix is the path that requests begin with: "/scim/v2".
	Prefix string
}

// The reasons why a request does not go on, besides those of auth: scim.Error.Reason.
const (
	ReasonStarting    = "starting"     // this replica does not know everything yet
	ReasonSwitchedOff = "switched-off" // the directory's switch is Disabled
	ReasonNoDirectory = "no-directory" // the namespace has no CloudSSODirectory
)

// warmUp is what a client is asked to wait while a replica is reading the directory at its start.
const warmUp = 2 * time.Second

// Open is server.Options.Authenticate. Where it fails the session has no directory, but says who was refused,
// if that is known.
func (o *Opener) Open(r *http.Request) (server.Session, error) {
	if !o.Directories.Synced() || !o.KeysSynced() { // a good token must not be told that it is none
		starting := scim.Unavailable(warmUp, errors.New("the informers have not synced yet"))
		starting.Reason = ReasonStarting
		return server.Session{}, starting
	}
	principal, err := o.authenticate(r)
	if err != nil {
		return server.Session{Subject: subject(err)}, refusal(err)
	}
	o.Recorder.Used(principal)
	session := server.Session{Subject: principal.String()}
	if err := o.admit(principal, r.Method, strings.TrimPrefix(r.URL.Path, o.Prefix)); err != nil {
		return session, err
	}
	session.Store = o.Directories.In(principal.Namespace)
	session.Again = func(method, path string) error { return o.again(r, principal, method, path) }
	return session, nil
}

func (o *Opener) authenticate(r *http.Request) (auth.Principal, error) {
	return o.Authenticator.Authenticate(r.Header.Get("Authorization"), r.RemoteAddr)
}

// again is server.Session.Again.
func (o *Opener) again(r *http.Request, principal auth.Principal, method, path string) error {
	current, err := o.authenticate(r)
	if err == nil && current != principal {
		err = &auth.Error{Reason: auth.ReasonUnknown, Principal: principal}
	}
	if err != nil {
		return ended(err)
	}
	return o.admit(principal, method, path)
}

// admit refuses what is no discovery (RFC 7644 section 4) while the directory is not synchronized, and counts
// what would have been written. A bulk request is a matter of its operations, each of which is asked for again.
func (o *Opener) admit(p auth.Principal, method, path string) error {
	resource := strings.Trim(path, "/")
	kind, id, _ := strings.Cut(resource, "/")
	switch kind {
	case "ServiceProviderConfig", "ResourceTypes", "Schemas", "Bulk":
		return nil
	}
	if o.Directories.Synchronization(p.Namespace) == v1alpha1.SynchronizationEnabled {
		return nil
	}
	if isWrite(method, kind, id) {
		o.Recorder.Refused(p, method, resource)
	}
	return switchedOff(p.Namespace, o.Directories.Exists(p.Namespace))
}

// isWrite says whether a request would have changed something. A POST to .search asks (RFC 7644 section
// 3.4.3), and what is not there cannot be written.
func isWrite(method, kind, id string) bool {
	if kind != "Users" && kind != "Groups" {
		return false
	}
	switch method {
	case http.MethodPost:
		return id == ""
	case http.MethodPut, http.MethodPatch, http.MethodDelete:
		return id != "" && id != ".search" && !strings.Contains(id, "/")
	}
	return false
}

// failureOf is what the authenticator says of an error.
func failureOf(err error) auth.Error {
	var failure *auth.Error
	if errors.As(err, &failure) {
		return *failure
	}
	return auth.Error{}
}

func subject(err error) string { return failureOf(err).Principal.String() }

// refusal tells the client that it may not come in, or not yet, and never why: that goes to the log.
func refusal(err error) error {
	failure := failureOf(err)
	if failure.Reason != auth.ReasonRateLimited && failure.RetryAfter > 0 {
		return tooOften(err, fmt.Sprintf("the credential is not accepted, and neither were more than %d before it from this address, which "+
			"is let try %d times a minute now so that nobody guesses tokens; %s", auth.FailureBurst, auth.FailuresPerMinute, advice))
	}
	return ended(err)
}

// ended is refusal where a credential was good a moment ago: nobody guesses, so nobody is told to wait for that.
func ended(err error) error {
	failure := failureOf(err)
	if failure.Reason == auth.ReasonRateLimited {
		return tooOften(err, "this credential asks too often")
	}
	return &scim.Error{
		Status: http.StatusUnauthorized,
		Detail: "the credential is missing or not valid; " + advice,
		Reason: string(failure.Reason),
		Cause:  err,
	}
}

// advice is for whoever configures the identity provider.
const advice = "give the identity provider the token of a SCIMCredential that is Ready"

func tooOften(err error, detail string) error {
	failure := failureOf(err)
	return &scim.Error{
		Status:     http.StatusTooManyRequests,
		Detail:     fmt.Sprintf("%s; try again in %d seconds", detail, failure.RetryAfter),
		RetryAfter: time.Duration(failure.RetryAfter) * time.Second,
		Reason:     string(failure.Reason),
		Cause:      err,
	}
}

func switchedOff(namespace string, exists bool) error {
	reason, detail := ReasonSwitchedOff, fmt.Sprintf("SCIM synchronization is Disabled for the directory %q; nothing was changed. To switch it on: "+
		`kubectl -n %s patch cloudssodirectory default --type=merge -p '{"spec":{"scimSynchronization":"Enabled"}}'`, namespace, namespace)
	if !exists {
		reason, detail = ReasonNoDirectory, fmt.Sprintf("namespace %q has no CloudSSODirectory, so nothing is synchronized; nothing was changed. To declare one: "+
			`echo '{"apiVersion":"cloudsso.dev/v1alpha1","kind":"CloudSSODirectory","metadata":{"name":"default"},"spec":{"scimSynchronization":"Enabled"}}' | kubectl -n %s apply -f -`, namespace, namespace)
	}
	return &scim.Error{Status: http.StatusForbidden, Detail: detail, Reason: reason}
}
