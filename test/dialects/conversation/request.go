package conversation

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"
)

// message is a request taken apart.
type message struct {
	head *http.Request
	body string
}

func (s Step) message() (*message, error) {
	head, body, _ := strings.Cut(strings.TrimSpace(s.Request), "\n\n")
	parsed, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head + "\r\n\r\n")))
	if err != nil {
		return nil, fmt.Errorf("%q is no HTTP request: %w", head, err)
	}
	return &message{parsed, body}, nil
}

// HTTP returns the request as the provider sends it to a service: with the credential and the conversation's headers,
// unless the step has its own.
func (s Step) HTTP(ctx context.Context, service, token string, headers map[string]string) (*http.Request, error) {
	m, err := s.message()
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, m.head.Method, service+m.head.RequestURI, strings.NewReader(m.body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	maps.Copy(request.Header, m.head.Header)
	if m.body == "" {
		request.Header.Del("Content-Type")
	}
	omitEmpty(request.Header)
	return request, nil
}

// omitEmpty takes out what is not to be sent. An empty User-Agent stays: it is how Go's client is told to
// send none, instead of its own.
func omitEmpty(h http.Header) {
	for name := range h {
		if h.Get(name) == "" && name != "User-Agent" {
			h.Del(name)
		}
	}
}
