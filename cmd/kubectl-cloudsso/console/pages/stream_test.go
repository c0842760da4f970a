package pages

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A server that stops waits for its requests, and a stream of the log goes on for minutes.
func TestStreamsEndWhenTheServerStops(t *testing.T) {
	stopping := make(chan struct{})
	c := &console{Options: Options{
		Session:  func(*http.Request) (*Session, error) { return &Session{}, nil },
		Stopping: stopping, Now: func() time.Time { return noon },
	}}
	server := httptest.NewServer(c.stream(func(ctx context.Context, _ *request, _ *stream) { <-ctx.Done() }))
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), streamLife/2)
	defer cancel()
	question, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := server.Client().Do(question)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	close(stopping)
	if events, err := io.ReadAll(answer.Body); err != nil || !strings.HasPrefix(string(events), "retry: ") {
		t.Errorf("got %q, %v", events, err)
	}
}
