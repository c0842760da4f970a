package scimauth_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/memstore"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
	"github.com/cloudsso/cloudsso-operator/internal/scim/server"
	"github.com/cloudsso/cloudsso-operator/internal/scimauth"
	"github.com/cloudsso/cloudsso-operator/internal/store"
)

var (
	okta  = auth.Principal{Namespace: "acme", Credential: "okta"}
	token = tokenOf(1)
)

// tokenOf returns the token of okta's directory whose random bytes are all n.
func tokenOf(n byte) string {
	token, err := auth.NewToken(bytes.NewReader(bytes.Repeat([]byte{n}, 32)), okta.Namespace)
	if err != nil {
		panic(err)
	}
	return token
}

// replica has the dependencies of an Authenticator: real credentials, and one directory whose state the test sets.
type replica struct {
	synced       bool
	keysUnsynced bool                        // the credentials are not known yet
	directory    *v1alpha1.CloudSSODirectory // nil if there is none
	acme         scim.Store
	used         []auth.Principal
	refused      []string
}

func (r *replica) Synced() bool { return r.synced }

func (r *replica) Refusal(namespace string) *scim.Error {
	if namespace == okta.Namespace {
		return store.Refusal(namespace, r.directory, policy.NamespaceSelected)
	}
	return store.Refusal(namespace, nil, policy.NamespaceSelected)
}

func (r *replica) In(namespace string) scim.Store {
	if namespace == okta.Namespace {
		return r.acme
	}
	return nil
}

func (r *replica) Used(p auth.Principal) { r.used = append(r.used, p) }

func (r *replica) Refused(p auth.Principal, method, resource string) {
	r.refused = append(r.refused, strings.Join([]string{p.String(), method, resource}, " "))
}

// newDirectory returns a directory that is served.
func newDirectory() *v1alpha1.CloudSSODirectory {
	d := &v1alpha1.CloudSSODirectory{ObjectMeta: metav1.ObjectMeta{Namespace: okta.Namespace, Name: v1alpha1.DirectoryName, UID: "present"}}
	d.Spec.SCIMSynchronization, d.Status.ActivatedAt = v1alpha1.SynchronizationEnabled, new(metav1.Now())
	return d
}

func newReplica() (*replica, *scimauth.Authenticator) {
	a := auth.New(auth.Options{})
	a.Keyring().SetCredential(okta, auth.HashToken(token), policy.CredentialUse{SlotHeld: true, ExpiresAt: time.Now().Add(time.Hour)})
	r := &replica{synced: true, directory: newDirectory(), acme: memstore.New(time.Now, func() string { return "1" })}
	return r, &scimauth.Authenticator{Tokens: a, Stores: r, Recorder: r, Prefix: "/scim/v2", KeysSynced: func() bool { return !r.keysUnsynced }}
}

func request(method, path, token string) *http.Request {
	r := httptest.NewRequest(method, "https://scim.example.com/scim/v2"+path, http.NoBody)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

// status returns the status of the SCIM error; 200 without an error.
func status(t *testing.T, err error) (int, *scim.Error) {
	t.Helper()
	if err == nil {
		return http.StatusOK, nil
	}
	var failure *scim.Error
	if !errors.As(err, &failure) {
		t.Fatalf("%v is no SCIM error", err)
	}
	return failure.Status, failure
}

func TestSessionIsThatOfTheCredentialsDirectory(t *testing.T) {
	r, authenticator := newReplica()
	s, err := authenticator.Authenticate(request("POST", "/Users", token))
	if err != nil || s.Subject != okta.String() {
		t.Fatalf("the session is %+v, %v", s, err)
	}
	created, err := s.Store.Create(t.Context(), schema.User, schema.Object{}.With(schema.UserName, "alice"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.acme.Get(t.Context(), schema.User, created.ID, scim.Omit{}); err != nil {
		t.Error(err)
	}
	if len(r.used) != 1 || r.used[0] != okta || len(r.refused) > 0 {
		t.Errorf("used by %v, refused %v", r.used, r.refused)
	}
}

func TestRequestWithoutAValidTokenIsRefused(t *testing.T) {
	for name, presented := range map[string]string{"no token": "", "another token": tokenOf(2), "a changed token": token[:len(token)-1] + "é"} {
		r, authenticator := newReplica()
		s, err := authenticator.Authenticate(request("GET", "/ServiceProviderConfig", presented))
		code, failure := status(t, err)
		if code != http.StatusUnauthorized || s.Store != nil || len(r.used) > 0 {
			t.Errorf("%s: %d, %+v, used by %v", name, code, s, r.used)
		}
		if presented != "" && strings.Contains(failure.Error(), presented) {
			t.Errorf("%s: the token is in %q", name, failure)
		}
		if strings.Contains(failure.Detail, "unknown") {
			t.Errorf("%s: the client is told why: %q", name, failure.Detail)
		}
	}
}

func TestManyFailuresAreSlowedDown(t *testing.T) {
	_, authenticator := newReplica()
	for range auth.FailureBurst {
		_, err := authenticator.Authenticate(request("GET", "/Users", "wrong"))
		if code, _ := status(t, err); code != http.StatusUnauthorized {
			t.Fatalf("answered with %d", code)
		}
	}
	_, err := authenticator.Authenticate(request("GET", "/Users", "wrong"))
	code, failure := status(t, err)
	if code != http.StatusTooManyRequests || failure.RetryAfter <= 0 || failure.Reason != "malformed" {
		t.Errorf("answered with %d, %v", code, failure)
	}
	for _, words := range []string{"credential is not accepted", "more than 20", "10 times a minute", "SCIMCredential that is Usable", "try again in"} {
		if !strings.Contains(failure.Detail, words) {
			t.Errorf("%q does not say %q", failure.Detail, words)
		}
	}
	if _, err := authenticator.Authenticate(request("GET", "/Users", token)); err != nil {
		t.Errorf("the right token is refused: %v", err)
	}
}

func TestRequestIsRefusedBeforeInformersHaveSynced(t *testing.T) {
	for _, missing := range []func(*replica){func(r *replica) { r.synced = false }, func(r *replica) { r.keysUnsynced = true }} {
		r, authenticator := newReplica()
		missing(r)
		_, err := authenticator.Authenticate(request("GET", "/Users", token))
		if code, failure := status(t, err); code != http.StatusServiceUnavailable || failure.RetryAfter <= 0 || failure.Reason != scimauth.ReasonStarting {
			t.Errorf("answered with %d, %v", code, failure)
		}
	}
}

func TestSwitchedOff(t *testing.T) {
	for _, c := range []struct {
		method, path string
		status       int
		refused      string
	}{
		{"GET", "/Users", 403, ""},
		{"HEAD", "/Users/1", 403, ""},
		{"POST", "/Users", 403, "acme/okta POST Users"},
		{"PATCH", "/Groups/1", 403, "acme/okta PATCH Groups/1"},
		{"DELETE", "/Users/1", 403, "acme/okta DELETE Users/1"},
		{"POST", "/Users/.search", 403, ""},
		{"POST", "/.search", 403, ""},
		{"PUT", "/Users/1/2", 403, ""},
		{"POST", "/Bulk", 200, ""}, // its operations are revalidated
		{"POST", "/Users/1", 403, ""},
		{"POST", "/Nothing", 403, ""},
		{"DELETE", "/Users", 403, ""},
		{"PUT", "/Users/.search", 403, ""},
		{"GET", "/ServiceProviderConfig", 200, ""},
		{"GET", "/Schemas", 200, ""},
		{"GET", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User", 200, ""},
		{"GET", "/ResourceTypes/", 200, ""},
		{"GET", "/SchemasAndMore", 403, ""},
	} {
		r, authenticator := newReplica()
		r.directory.Spec.SCIMSynchronization = v1alpha1.SynchronizationDisabled
		s, err := authenticator.Authenticate(request(c.method, c.path, token))
		code, failure := status(t, err)
		if code != c.status || s.Subject != okta.String() || strings.Join(r.refused, ",") != c.refused {
			t.Errorf("%s %s: %d, refused %q, subject %q", c.method, c.path, code, r.refused, s.Subject)
		}
		if failure != nil && (s.Store != nil || failure.Reason != scimauth.ReasonSwitchedOff || !strings.Contains(failure.Detail, "-n acme patch cloudssodirectory")) {
			t.Errorf("%s %s: %+v, %q", c.method, c.path, s, failure.Detail)
		}
	}
}

// Only a request that could change a resource is recorded as a refused write. Each operation of a bulk request is
// recorded by itself.
func TestRefusedWritesOfTheService(t *testing.T) {
	for _, c := range []struct {
		method, path, body string
		status             int
		refused            string
	}{
		{"POST", "/Users", "{}", 403, "acme/okta POST Users"},
		{"PUT", "/Users", "{}", 405, ""},
		{"POST", "/Groups/1", "{}", 405, ""},
		{"POST", "/Nothing", "{}", 404, ""},
		{"DELETE", "/Groups/1/members", "", 404, ""},
		{"PATCH", "/Me", "{}", 501, ""},
		{"POST", "/Bulk", `{"Operations":[{"method":"POST","path":"/Users","bulkId":"1","data":{}},{"method":"GET","path":"/Users"},` +
			`{"method":"DELETE","path":"/Groups/1"}]}`, 403, "acme/okta POST Users,acme/okta DELETE Groups/1"},
		{"GET", "/Bulk", "", 405, ""},
	} {
		r, authenticator := newReplica()
		r.directory.Spec.SCIMSynchronization = v1alpha1.SynchronizationDisabled
		service := server.New(server.Options{Authenticate: authenticator.Authenticate, BaseURL: "https://scim.example.com/scim/v2", Logger: slog.New(slog.DiscardHandler)})
		request := request(c.method, c.path, token)
		request.Body = io.NopCloser(strings.NewReader(c.body))
		w := httptest.NewRecorder()
		service.ServeHTTP(w, request)
		if w.Code != c.status || strings.Join(r.refused, ",") != c.refused {
			t.Errorf("%s %s: %d %s, refused %q", c.method, c.path, w.Code, w.Body, r.refused)
		}
	}
}

// stopped is a Store that is switched off after a request was admitted.
type stopped struct {
	scim.Store
	err error
}

func (s stopped) Create(context.Context, *schema.ResourceType, schema.Object, []string) (*scim.Resource, error) {
	return nil, s.err
}

func (s stopped) Update(context.Context, *schema.ResourceType, string, scim.Change) (*scim.Resource, error) {
	return nil, s.err
}

func (s stopped) Delete(context.Context, *schema.ResourceType, string, scim.Precondition) (*scim.Resource, error) {
	return nil, s.err
}

func TestWriteThatTheSwitchStopsUnderWayIsRecorded(t *testing.T) {
	off := newDirectory()
	off.Spec.SCIMSynchronization = v1alpha1.SynchronizationDisabled
	const all = "acme/okta POST Users,acme/okta DELETE Groups/1,acme/okta PUT Users/1,acme/okta POST Groups,acme/okta PATCH Users/2"
	for _, c := range []struct {
		name    string
		err     error
		refused string
	}{
		{"switched off", store.Refusal(okta.Namespace, off, policy.NamespaceSelected), all},
		{"refused by the cluster", &scim.Error{Status: http.StatusForbidden}, ""},
		{"awaiting activation: every provider repeats it", &scim.Error{Status: http.StatusServiceUnavailable, Reason: scimauth.ReasonAwaitingActivation}, ""},
		{"a part is stored, and not every provider repeats it", &scim.Error{Status: http.StatusServiceUnavailable, Reason: scimauth.ReasonSwitchedOff}, all},
	} {
		r, authenticator := newReplica()
		r.acme = stopped{r.acme, c.err}
		service := server.New(server.Options{Authenticate: authenticator.Authenticate, BaseURL: "https://scim.example.com/scim/v2", Logger: slog.New(slog.DiscardHandler)})
		for _, sent := range []struct{ method, path, body string }{
			{"POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"alice"}`},
			{"DELETE", "/Groups/1", ""},
			{"PUT", "/Users/1", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"alice"}`},
			{"POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[` +
				`{"method":"POST","path":"/Groups","bulkId":"1","data":{"displayName":"Crew"}},` +
				`{"method":"PATCH","path":"/Users/2","data":{"Operations":[{"op":"replace","path":"active","value":false}]}}]}`},
		} {
			request := request(sent.method, sent.path, token)
			request.Body = io.NopCloser(strings.NewReader(sent.body))
			request.Header.Set("Content-Type", "application/scim+json")
			service.ServeHTTP(httptest.NewRecorder(), request)
		}
		if got := strings.Join(r.refused, ","); got != c.refused {
			t.Errorf("%s: refused %q", c.name, got)
		}
	}
}

// A provider repeats what was answered 503, so nothing is recorded as refused.
func TestRestoredDirectoryIsUnavailableUntilItIsActivated(t *testing.T) {
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/Users", 503},
		{"POST", "/Users", 503},
		{"DELETE", "/Groups/1", 503},
		{"POST", "/.search", 503},
		{"GET", "/ServiceProviderConfig", 200},
		{"GET", "/Schemas", 200},
		{"POST", "/Bulk", 200}, // whose operations are revalidated
	} {
		r, authenticator := newReplica()
		r.directory.Status.ActivatedAt, r.directory.Labels = nil, map[string]string{v1alpha1.LabelRestored: "monday"}
		_, err := authenticator.Authenticate(request(c.method, c.path, token))
		code, failure := status(t, err)
		if code != c.status || len(r.refused) > 0 {
			t.Errorf("%s %s: %d, refused %q", c.method, c.path, code, r.refused)
		}
		if failure == nil {
			continue
		}
		const command = "kubectl -n acme annotate --overwrite cloudssodirectory default cloudsso.dev/activate=present"
		if failure.RetryAfter != time.Minute || failure.Reason != scimauth.ReasonAwaitingActivation || !strings.Contains(failure.Detail, command) {
			t.Errorf("%s %s: %+v", c.method, c.path, failure)
		}
	}
}

func TestNewDirectoryIsUnavailableForAMoment(t *testing.T) {
	r, authenticator := newReplica()
	r.directory.Status.ActivatedAt = nil
	_, err := authenticator.Authenticate(request("GET", "/Users", token))
	if code, failure := status(t, err); code != http.StatusServiceUnavailable || failure.RetryAfter != time.Second || strings.Contains(failure.Detail, "backup") {
		t.Errorf("answered with %d, %v", code, failure)
	}
}

func TestRefusalWithoutDirectorySaysToCreateOne(t *testing.T) {
	r, authenticator := newReplica()
	r.directory = nil
	_, err := authenticator.Authenticate(request("GET", "/Users", token))
	if code, failure := status(t, err); code != http.StatusForbidden || failure.Reason != scimauth.ReasonNoDirectory || !strings.Contains(failure.Detail, "kubectl -n acme apply -f -") {
		t.Errorf("answered with %d, %v", code, failure)
	}
}

// A long session follows changes of the credential and of the switch.
func TestSessionIsRevalidated(t *testing.T) {
	r, authenticator := newReplica()
	s, err := authenticator.Authenticate(request("POST", "/Bulk", token))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Revalidate("POST", "/Users"); err != nil {
		t.Errorf("refused: %v", err)
	}
	r.directory.Spec.SCIMSynchronization = v1alpha1.SynchronizationDisabled
	if code, _ := status(t, s.Revalidate("DELETE", "/Users/1")); code != http.StatusForbidden || strings.Join(r.refused, ",") != "acme/okta DELETE Users/1" {
		t.Errorf("with the switch off: %d, refused %q", code, r.refused)
	}
	r.directory.Spec.SCIMSynchronization = v1alpha1.SynchronizationEnabled
	known, ok := authenticator.Tokens.(*auth.Authenticator)
	if !ok {
		t.Fatalf("%T", authenticator.Tokens)
	}
	known.Keyring().SetCredential(okta, auth.HashToken(token), policy.CredentialUse{Disabled: true, SlotHeld: true, ExpiresAt: time.Now().Add(time.Hour)})
	for range auth.FailureBurst + 1 { // with a 429, a client would wait instead of seeing that it is refused
		if code, failure := status(t, s.Revalidate("DELETE", "/Users/1")); code != http.StatusUnauthorized || failure.Reason != "disabled" {
			t.Fatalf("with the credential disabled: %d, %v", code, failure)
		}
	}
}

// Neither header is read, whichever has the token. The client is told, because it can correct the request.
func TestSecondAuthorizationHeaderIsABadRequest(t *testing.T) {
	for _, tokens := range [][]string{{token, "wrong"}, {"wrong", token}, {token, token}} {
		r, authenticator := newReplica()
		request := request("GET", "/Users", "")
		for _, token := range tokens {
			request.Header.Add("Authorization", "Bearer "+token)
		}
		for range auth.FailureBurst + 1 { // it is no attempt to guess a token
			_, err := authenticator.Authenticate(request)
			code, failure := status(t, err)
			if code != http.StatusBadRequest || failure.Reason != "ambiguous" || !strings.Contains(failure.Detail, "more than one Authorization header") || len(r.used) > 0 {
				t.Fatalf("%q: %d, %v, used by %v", tokens, code, failure, r.used)
			}
		}
	}
}

func TestSessionEndsIfItsTokenMovesToAnotherCredential(t *testing.T) {
	_, authenticator := newReplica()
	s, err := authenticator.Authenticate(request("POST", "/Bulk", token))
	if err != nil {
		t.Fatal(err)
	}
	known, ok := authenticator.Tokens.(*auth.Authenticator)
	if !ok {
		t.Fatalf("%T", authenticator.Tokens)
	}
	other := auth.Principal{Namespace: okta.Namespace, Credential: "entra"}
	known.Keyring().DeleteCredential(okta)
	known.Keyring().SetCredential(other, auth.HashToken(token), policy.CredentialUse{SlotHeld: true, ExpiresAt: time.Now().Add(time.Hour)})
	if code, _ := status(t, s.Revalidate("POST", "/Users")); code != http.StatusUnauthorized {
		t.Errorf("answered with %d", code)
	}
}

func TestEachOperationCountsAsARequest(t *testing.T) {
	_, authenticator := newReplica()
	known, ok := authenticator.Tokens.(*auth.Authenticator)
	if !ok {
		t.Fatalf("%T", authenticator.Tokens)
	}
	known.Keyring().SetBudget(okta.Namespace, &auth.Budget{Rate: 0.001, Burst: 2})
	s, err := authenticator.Authenticate(request("POST", "/Bulk", token))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{http.StatusOK, http.StatusTooManyRequests} {
		if code, failure := status(t, s.Revalidate("POST", "/Users")); code != want || failure != nil && failure.Reason != "rate-limited" {
			t.Errorf("%d, %v, want %d", code, failure, want)
		}
	}
}
