// Package writes records a client's writes to the API server, for tests that count them.
package writes

import (
	"net/http"
	"slices"
	"strings"
	"sync"
)

// Log records the writing requests of a client. The zero value is ready to use.
type Log struct {
	mu    sync.Mutex
	lines []string
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Wrap returns a transport that records writes, for rest.Config.Wrap.
func (l *Log) Wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodGet {
			l.mu.Lock()
			l.lines = append(l.lines, r.Method+" "+r.URL.Path)
			l.mu.Unlock()
		}
		return next.RoundTrip(r)
	})
}

// In returns the writes to one namespace so far, each as "METHOD path". It leaves Events out, because they are written
// later.
func (l *Log) In(namespace string) []string {
	return slices.DeleteFunc(l.AllIn(namespace), func(line string) bool {
		return strings.HasSuffix(line, "/events") || strings.Contains(line, "/events/")
	})
}

// AllIn returns the same as In, with Events.
func (l *Log) AllIn(namespace string) (lines []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if strings.Contains(line, "/namespaces/"+namespace+"/") {
			lines = append(lines, line)
		}
	}
	return lines
}
