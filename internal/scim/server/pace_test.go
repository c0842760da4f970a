package server_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/server"
)

// grace is the BodyGrace of these tests: many times what a packet on loopback takes, also if the machine is busy. pause is
// longer.
const (
	grace = time.Second
	pause = grace + grace/4
)

func newPaced(t *testing.T, bytesPerSecond int64, adjust ...func(*server.Options)) *service {
	t.Helper()
	var mu sync.Mutex
	s := newService(t, append(adjust, func(o *server.Options) {
		o.Limits.BodyGrace, o.Limits.BodyRate = grace, bytesPerSecond
		observe := o.Observe
		o.Observe = func(r server.Record) {
			mu.Lock()
			defer mu.Unlock()
			observe(r)
		}
		o.Now = time.Now
	})...)
	return s
}

// largeUser is the body of a user that waits for a place.
func largeUser(userName string) string {
	return `{"userName":"` + userName + `","title":"` + strings.Repeat("x", 100) + `"}` + strings.Repeat(" ", limits.SmallBody)
}

// trickle sends the header of a request over HTTP/1.1, and a byte of its body at a time until the connection ends. It returns
// the status and the media type of the response, and whether the server has closed the connection after it.
func trickle(t *testing.T, address string) (status int, mediaType string, isClosed bool) {
	t.Helper()
	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Error(err)
		return 0, "", false
	}
	defer func() { _ = connection.Close() }()
	_, err = fmt.Fprintf(connection, "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n{", token, limits.SmallBody+1)
	if err != nil {
		t.Error(err)
	}
	ended := make(chan struct{})
	defer close(ended)
	go writeSlowly(connection, ended)
	reader := bufio.NewReader(connection)
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Error(err)
		return 0, "", false
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, response.Body)
	_, afterwards := reader.ReadByte()
	return response.StatusCode, response.Header.Get("Content-Type"), err == nil && afterwards != nil
}

// writeSlowly writes a byte now and then until ended is closed, or the connection is.
func writeSlowly(w io.Writer, ended <-chan struct{}) {
	tick := time.NewTicker(grace / 10)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if _, err := w.Write([]byte(" ")); err != nil {
				return
			}
		case <-ended:
			return
		}
	}
}

func TestBodyThatTricklesLosesItsPlace(t *testing.T) {
	t.Parallel()
	s := newPaced(t, 1<<20)
	listener := httptest.NewServer(s.handler)
	defer listener.Close()
	var tricklers sync.WaitGroup
	for range limits.LargeBodiesEach {
		tricklers.Go(func() {
			status, mediaType, isClosed := trickle(t, listener.Listener.Addr().String())
			if status != http.StatusRequestTimeout || mediaType != "application/scim+json" || !isClosed {
				t.Errorf("a body that trickles got %d, %s, closed %v", status, mediaType, isClosed)
			}
		})
	}
	tricklers.Wait()
	for _, r := range s.records {
		if r.Status != http.StatusRequestTimeout || r.Reason != server.ReasonSlowBody {
			t.Errorf("observed %+v", r)
		}
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, listener.URL+"/scim/v2/Users", strings.NewReader(largeUser("alice")))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	began := time.Now()
	response, err := listener.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusCreated || time.Since(began) > 10*time.Second {
		t.Errorf("the next large body got %d after %s", response.StatusCode, time.Since(began))
	}
}

// postUser sends a body to /Users, and returns the status of the response and the version of HTTP.
func postUser(t *testing.T, listener *httptest.Server, body io.Reader) (status, version int) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, listener.URL+"/scim/v2/Users", body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := listener.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode, response.ProtoMajor
}

func TestBodyThatTricklesOnAnHTTP2StreamIsRefused(t *testing.T) {
	t.Parallel()
	s := newPaced(t, 1<<20)
	listener := httptest.NewUnstartedServer(s.handler)
	listener.EnableHTTP2 = true
	listener.StartTLS()
	defer listener.Close()
	body, writer := io.Pipe()
	ended := make(chan struct{})
	defer close(ended)
	go writeSlowly(writer, ended)
	if status, version := postUser(t, listener, body); status != http.StatusRequestTimeout || version != 2 {
		t.Errorf("got %d over HTTP/%d", status, version)
	}
}

// pausingBody is a body that pauses longer than the grace after its first part.
type pausingBody struct {
	first, rest io.Reader
	paused      bool
}

func (b *pausingBody) Read(p []byte) (int, error) {
	n, err := b.first.Read(p)
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	if !b.paused {
		b.paused = true
		<-time.After(pause)
	}
	return b.rest.Read(p)
}

func TestBodyThatHasArrivedFastMayPause(t *testing.T) {
	t.Parallel()
	s := newPaced(t, limits.SmallBody/4) // the first part counts as four seconds
	listener := httptest.NewServer(s.handler)
	defer listener.Close()
	text := largeUser("alice")
	body := &pausingBody{first: strings.NewReader(text[:limits.SmallBody]), rest: strings.NewReader(text[limits.SmallBody:])}
	if status, _ := postUser(t, listener, body); status != http.StatusCreated {
		t.Errorf("got %d", status)
	}
}

// The deadline of a body must not end a request whose body has arrived, while the store is busy.
func TestRequestMayTakeLongerThanItsBody(t *testing.T) {
	t.Parallel()
	s := newPaced(t, 1<<20, func(o *server.Options) {
		o.BeforeChange = func(server.Record) error {
			<-time.After(pause)
			return nil
		}
	})
	listener := httptest.NewServer(s.handler)
	defer listener.Close()
	for _, userName := range []string{"alice", "bob"} { // the second one on the same connection
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, listener.URL+"/scim/v2/Users", strings.NewReader(largeUser(userName)))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := listener.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusCreated {
			t.Errorf("%s got %s", userName, response.Status)
		}
	}
}

// deadlineRecorder records the deadlines that a connection gets.
type deadlineRecorder struct {
	*httptest.ResponseRecorder
	deadlines []time.Time
}

// SetReadDeadline is what http.ResponseController calls.
func (r *deadlineRecorder) SetReadDeadline(deadline time.Time) error {
	r.deadlines = append(r.deadlines, deadline)
	return nil
}

// heldBody is a body that ends after a time.
type heldBody time.Duration

// Read implements io.Reader.
func (b heldBody) Read([]byte) (int, error) {
	<-time.After(time.Duration(b))
	return 0, io.EOF
}

func TestWaitForAPlaceIsNotTimeOfTheBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const wait = 19 * time.Second
		s := newPaced(t, limits.BodyRate)
		post := func(w http.ResponseWriter, body io.Reader, length int64) {
			request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/scim/v2/Groups", body)
			request.Header.Set("Authorization", "Bearer "+token)
			request.ContentLength = length
			s.handler.ServeHTTP(w, request)
		}
		for range limits.LargeBodiesEach {
			go post(httptest.NewRecorder(), heldBody(wait), limits.SmallBody+1)
		}
		synctest.Wait()
		began, recorder := time.Now(), &deadlineRecorder{ResponseRecorder: httptest.NewRecorder()}
		post(recorder, strings.NewReader(`{"displayName":"Staff"}`+strings.Repeat(" ", 1<<20)), -1)
		last := recorder.deadlines[len(recorder.deadlines)-1].Sub(began)
		if want := wait + limits.BodyTime*time.Second; recorder.Code != http.StatusCreated || last != want {
			t.Errorf("got %d; the last deadline is after %s, want %s", recorder.Code, last, want)
		}
	})
}
