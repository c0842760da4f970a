package dialects_test

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"time"

	. "github.com/onsi/ginkgo/v2"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/memstore"
	"github.com/cloudsso/cloudsso-operator/internal/scim/server"
	"github.com/cloudsso/cloudsso-operator/test/dialects/conversation"
)

var _ = Describe("in memory", Ordered, ContinueOnFailure, func() {
	replayAll(func(_ context.Context, c *conversation.Conversation) *service {
		const token = "the-token-in-memory"
		served := httptest.NewUnstartedServer(nil)
		base := "https://" + served.Listener.Addr().String() + "/scim/v2"
		served.Config.Handler = server.New(server.Options{
			BaseURL:      base,
			Authenticate: authenticateOnly(token),
			Logger:       slog.New(slog.NewTextHandler(GinkgoWriter, nil)),
		})
		served.StartTLS()
		DeferCleanup(served.Close)
		return &service{base: base, token: token, http: served.Client(), headers: c.Headers}
	})
})

// authenticateOnly returns an Authenticate function that accepts one token, for a store of its own.
func authenticateOnly(token string) func(*http.Request) (server.Session, error) {
	session := server.Session{Store: memstore.New(time.Now, rand.Text), Subject: "provider"}
	return func(r *http.Request) (server.Session, error) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			return server.Session{}, &scim.Error{Status: http.StatusUnauthorized, Detail: "the bearer token is not valid"}
		}
		return session, nil
	}
}
