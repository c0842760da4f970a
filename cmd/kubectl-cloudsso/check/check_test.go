package check

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
)

func TestTokenIsNotSentInClear(t *testing.T) {
	var received atomic.Int32 // tokens
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			received.Add(1)
		}
		fmt.Fprint(w, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"]}`)
	}))
	defer server.Close()
	token, err := auth.NewToken(rand.Reader, "acme")
	if err != nil {
		t.Fatal(err)
	}
	accepting := v1alpha1.SCIMCredential{Spec: v1alpha1.SCIMCredentialSpec{TokenHash: auth.HashToken(token).String()}}
	accepting.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionUsable, Status: metav1.ConditionTrue}}
	directory := &v1alpha1.CloudSSODirectory{ObjectMeta: metav1.ObjectMeta{Namespace: "acme"}}
	// 0.0.0.0 is this machine, but is no loopback address.
	elsewhere := strings.Replace(server.URL, "127.0.0.1", "0.0.0.0", 1)
	for _, test := range []struct {
		endpoint, token, result string
		sent                    int32
	}{
		{elsewhere, token, "FAIL  certificate: the endpoint has no TLS", 0},
		{elsewhere, "", "WARN  certificate: the endpoint has no TLS", 0},
		{server.URL, token, "WARN  certificate: the endpoint has no TLS", 1},
		{strings.Replace(server.URL, "127.0.0.1", "localhost", 1), token, "WARN  certificate: the endpoint has no TLS", 1},
	} {
		checker, err := newChecker(directory, []v1alpha1.SCIMCredential{accepting}, options{endpoint: test.endpoint}, test.token, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		_ = checker.run(t.Context(), &out)
		if !strings.Contains(out.String(), test.result) {
			t.Errorf("%s with token %q: no %q in:\n%s", test.endpoint, test.token, test.result, out.String())
		}
		if sent := received.Swap(0); sent != test.sent {
			t.Errorf("%s: the token was sent %d times", test.endpoint, sent)
		}
	}
}

func TestForeignErrorIsCut(t *testing.T) {
	for detail, want := range map[string]string{
		strings.Repeat("ä", maxDetail):   "403: " + strings.Repeat("ä", maxDetail),
		strings.Repeat("ä", maxDetail+1): "403: " + strings.Repeat("ä", maxDetail) + "…",
	} {
		if got := (&answer{status: http.StatusForbidden, body: map[string]any{"detail": detail}}).detail(); got != want {
			t.Errorf("%d characters: %s", len([]rune(detail)), got)
		}
	}
}
