// Package scimauth authenticates a SCIM request: it finds the request's credential, the Store of the credential's namespace,
// and whether that namespace is synchronized.
package scimauth

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/auth"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/server"
	"github.com/cloudsso/cloudsso-operator/internal/store"
)

// TokenAuthenticator finds the credential of a request: *auth.Authenticator.
type TokenAuthenticator interface {
	Authenticate(authorization []string, remote string) (auth.Principal, error)
}

// Stores holds the users and groups of all namespaces: *store.Store.
type Stores interface {
	Synced() bool
	Refusal(namespace string) *scim.Error
	In(namespace string) scim.Store
}

// Recorder records uses of credentials and refused writes: *usage.Recorder.
type Recorder interface {
	Used(auth.Principal)
	Refused(p auth.Principal, method, resource string)
}

// Authenticator authenticates SCIM requests. All fields are required.
type Authenticator struct {
	Tokens   TokenAuthenticator
	Stores   Stores
	Recorder Recorder
	// KeysSynced reports whether Tokens has every credential that exists.
	KeysSynced func() bool
	// Prefix is the beginning of every request's path: "/scim/v2".
	Prefix string
}

// The values of scim.Error.Reason beside those of auth.
const (
	ReasonStarting           = "starting" // this replica's informers have not synced
	ReasonSwitchedOff        = store.ReasonSwitchedOff
	ReasonNoDirectory        = store.ReasonNoDirectory
	ReasonAwaitingActivation = store.ReasonAwaitingActivation
	ReasonNotSelected        = store.ReasonNotSelected
	ReasonSelectionUnknown   = store.ReasonSelectionUnknown
)

// warmUp is the Retry-After while the informers of a starting replica sync.
const warmUp = 2 * time.Second

// Authenticate returns the session of a request, for server.Options.Authenticate. If it fails, the session has no store, but
// names the refused credential if that is known.
func (a *Authenticator) Authenticate(r *http.Request) (server.Session, error) {
	if !a.Stores.Synced() || !a.KeysSynced() { // a 401 would be wrong: the token may be valid
		starting := scim.Unavailable(warmUp, errors.New("the informers have not synced yet"))
		starting.Reason = ReasonStarting
		return server.Session{}, starting
	}
	principal, err := a.authenticate(r)
	if err != nil {
		refused := failureOf(err).Principal
		return server.Session{Subject: refused.String(), Directory: refused.Namespace}, refusal(err)
	}
	a.Recorder.Used(principal)
	session := server.Session{Subject: principal.String(), Directory: principal.Namespace}
	if err := a.admit(principal, r.Method, strings.TrimPrefix(r.URL.Path, a.Prefix)); err != nil {
		return session, err
	}
	write := &recordedStore{
		Store:    a.Stores.In(principal.Namespace),
		recorded: func(method, path string) { a.recordWrite(principal, method, path) },
		method:   r.Method, path: strings.TrimPrefix(r.URL.Path, a.Prefix),
	}
	session.Store = write
	session.Revalidate = func(method, path string) error {
		write.method, write.path = method, path
		return a.revalidate(r, principal, method, path)
	}
	return session, nil
}

func (a *Authenticator) authenticate(r *http.Request) (auth.Principal, error) {
	return a.Tokens.Authenticate(r.Header.Values("Authorization"), r.RemoteAddr)
}

// revalidate returns an error if the request's credential or the switch no longer permits an operation, for
// server.Session.Revalidate.
func (a *Authenticator) revalidate(r *http.Request, principal auth.Principal, method, path string) error {
	current, err := a.authenticate(r)
	if err == nil && current != principal {
		err = &auth.Error{Reason: auth.ReasonUnknown, Principal: principal}
	}
	if err != nil {
		return unauthorized(err)
	}
	return a.admit(principal, method, path)
}

// admit refuses every request but discovery (RFC 7644 section 4) while the namespace is not served, and records writes that
// were refused with 403, because the provider does not repeat them. It admits a bulk request, because each of its operations
// is revalidated.
func (a *Authenticator) admit(p auth.Principal, method, path string) error {
	switch kind, _, _ := strings.Cut(strings.Trim(path, "/"), "/"); kind {
	case "ServiceProviderConfig", "ResourceTypes", "Schemas", "Bulk":
		return nil
	}
	refusal := a.Stores.Refusal(p.Namespace)
	if refusal == nil {
		return nil
	}
	if refusal.Status == http.StatusForbidden {
		a.recordWrite(p, method, path)
	}
	return refusal
}

// recordWrite records a request that was refused, if it is a write.
func (a *Authenticator) recordWrite(p auth.Principal, method, path string) {
	resource := strings.Trim(path, "/")
	if kind, id, _ := strings.Cut(resource, "/"); isWrite(method, kind, id) {
		a.Recorder.Refused(p, method, resource)
	}
}

// isWrite reports whether a request would change a resource. A POST to .search is a query (RFC 7644 section 3.4.3).
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

// failureOf returns the auth.Error of an error; a zero one if it has none.
func failureOf(err error) auth.Error {
	var failure *auth.Error
	if errors.As(err, &failure) {
		return *failure
	}
	return auth.Error{}
}

// refusal returns the SCIM error of a failed authentication. Its detail never says why: the reason goes to the log.
func refusal(err error) error {
	failure := failureOf(err)
	if failure.Reason != auth.ReasonRateLimited && failure.RetryAfter > 0 {
		return tooManyRequests(err, fmt.Sprintf("the credential is not accepted, and more than %d before it from this address were not either, so "+
			"this address may now try %d times a minute; %s", auth.FailureBurst, auth.FailuresPerMinute, advice))
	}
	return unauthorized(err)
}

// unauthorized returns the SCIM error of a credential that is not accepted, without a wait for other failures from the same
// address. Revalidation uses it, because a credential that was valid a moment ago is not an attempt to guess a token.
func unauthorized(err error) error {
	failure := failureOf(err)
	switch failure.Reason {
	case auth.ReasonRateLimited:
		return tooManyRequests(err, "this credential sends too many requests")
	case auth.ReasonAmbiguous:
		return &scim.Error{
			Status: http.StatusBadRequest,
			Detail: "the request has more than one Authorization header; send one",
			Reason: string(failure.Reason),
			Cause:  err,
		}
	}
	return &scim.Error{
		Status: http.StatusUnauthorized,
		Detail: "the credential is missing or not valid; " + advice,
		Reason: string(failure.Reason),
		Cause:  err,
	}
}

// advice is for the administrator who configures the identity provider.
const advice = "give the identity provider the token of a SCIMCredential that is Usable"

func tooManyRequests(err error, detail string) error {
	failure := failureOf(err)
	return &scim.Error{
		Status:     http.StatusTooManyRequests,
		Detail:     fmt.Sprintf("%s; try again in %d seconds", detail, failure.RetryAfter),
		RetryAfter: time.Duration(failure.RetryAfter) * time.Second,
		Reason:     string(failure.Reason),
		Cause:      err,
	}
}
