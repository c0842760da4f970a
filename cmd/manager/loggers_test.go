package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"google.golang.org/grpc/grpclog"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/cloudsso/cloudsso-operator/internal/httpserver"
)

// lockedBuffer is a buffer for several writers.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

// Write implements io.Writer.
func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// from returns a function that returns the text that was written after from was called.
func (b *lockedBuffer) from() func() string {
	before := len(b.String())
	return func() string { return b.String()[before:] }
}

// processLog has what this process logs. setLoggers is called once, before any client-go goroutine reads the loggers.
var processLog lockedBuffer

func TestMain(m *testing.M) {
	if os.Getenv(asManager) != "" {
		main()
		return
	}
	setLoggers(zap.New(zap.WriteTo(redactingWriter{&processLog})))
	os.Exit(m.Run())
}

// jsonLines returns the lines of a log, each of which must be JSON.
func jsonLines(t *testing.T, text string) (lines []map[string]any) {
	t.Helper()
	for line := range strings.Lines(text) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Errorf("%q is no JSON", line)
		}
		lines = append(lines, fields)
	}
	return lines
}

func TestEveryLineOfTheProcessIsJSON(t *testing.T) {
	logged := processLog.from()
	klog.Info("from klog")
	klog.Background().Error(errors.New("broken"), "from client-go\nwith a second line")
	klog.FromContext(t.Context()).Info("from a context")
	log.Print("from the standard library\nwith a second line")
	slog.Info("from slog")
	number := 0
	for _, line := range jsonLines(t, logged()) {
		if text, _ := line["msg"].(string); strings.HasPrefix(text, "from ") { // a manager of another test may log too
			number++
		}
	}
	if number != 5 {
		t.Errorf("5 calls have logged %s", logged())
	}
}

func TestAnEventInANamespaceThatGoesIsNoError(t *testing.T) {
	event := schema.GroupResource{Group: "events.k8s.io", Resource: "events"}
	terminating := apierrors.NewForbidden(event, "staff", errors.New("the namespace is being terminated"))
	terminating.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}
	const refused = "Server rejected event (will not retry!)"
	for _, test := range []struct {
		name    string
		err     error
		message string
		isError bool
	}{
		{"being deleted", terminating, refused, false},
		{"gone", apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "directory"), refused, false},
		{"no right", apierrors.NewForbidden(event, "staff", errors.New("no")), refused, true},
		{"not an Event", terminating, "Failed to update lock", true},
	} {
		for _, logger := range []logr.Logger{klog.Background(), ctrl.Log, ctrl.Log.WithName("events").WithValues("on", "staff")} {
			logged := processLog.from()
			logger.Error(test.err, test.message, "test", test.name)
			if isError := strings.Contains(logged(), `"test":"`+test.name); isError != test.isError {
				t.Errorf("%s: logged %s", test.name, logged())
			}
		}
	}
}

// OpenTelemetry writes to the standard error stream by itself unless it has a logger.
func TestErrorOfOpenTelemetryIsJSON(t *testing.T) {
	logged := processLog.from()
	otlptracegrpc.NewUnstarted(otlptracegrpc.WithEndpointURL("http://%"))
	if lines := jsonLines(t, logged()); len(lines) == 0 || !strings.Contains(logged(), "parse endpoint url") {
		t.Errorf("logged %s", logged())
	}
}

// gRPC writes its errors to the standard error stream by itself unless it has a logger.
func TestErrorOfGRPCIsJSON(t *testing.T) {
	logged := processLog.from()
	grpclog.Component("core").Error("cannot dial\nwith a second line")
	grpclog.Warning("dials")
	if lines := jsonLines(t, logged()); len(lines) == 0 || strings.Count(logged(), "cannot dial") != 1 || strings.Contains(logged(), "dials") {
		t.Errorf("logged %s", logged())
	}
}

// A failed TLS handshake is an error that net/http logs itself.
func TestErrorOfAConnectionIsJSON(t *testing.T) {
	logged := processLog.from()
	certFile, keyFile := selfSigned(t)
	server, err := httpserver.New(httpserver.Config{Address: "127.0.0.1:0", CertFile: certFile, KeyFile: keyFile, Handler: http.NotFoundHandler()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Start(ctx) }()
	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := connection.Write([]byte("GET / HTTP/1.1\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := connection.Read(make([]byte, 1000)); err != nil {
		t.Log(err)
	}
	_ = connection.Close()
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if lines := jsonLines(t, logged()); len(lines) == 0 || !strings.Contains(logged(), "TLS handshake error") {
		t.Errorf("logged %s", logged())
	}
}

func TestServiceIsAnnouncedOnceItIsReady(t *testing.T) {
	var out bytes.Buffer
	asked := 0
	a := &announcement{
		ready: func(*http.Request) error {
			if asked++; asked < 3 {
				return errors.New("still reading")
			}
			return nil
		},
		log: slog.New(slog.NewJSONHandler(&out, nil)), address: "127.0.0.1:8443", url: "https://sso.example.net/scim/v2", tls: true,
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	lines := jsonLines(t, out.String())
	if len(lines) != 1 || asked != 3 || lines[0]["msg"] != "The SCIM service is up" || lines[0]["url"] != a.url || lines[0]["address"] != a.address || lines[0]["tls"] != true {
		t.Errorf("logged %v after %d questions", lines, asked)
	}
}

func TestAnExampleAsPublicURLIsLogged(t *testing.T) {
	for url, warned := range map[string]bool{
		"https://scim.example.com/scim/v2":      true,
		"https://scim.example.com:8443/scim/v2": true,
		"https://scim.myexample.com/scim/v2":    false,
		"http://127.0.0.1:8443/scim/v2":         false,
	} {
		var out bytes.Buffer
		a := &announcement{ready: func(*http.Request) error { return nil }, log: slog.New(slog.NewJSONHandler(&out, nil)), url: url}
		if err := a.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "--scim-public-url is an example") != warned {
			t.Errorf("%s: logged %s", url, &out)
		}
	}
}

func TestServiceThatNeverBecomesReadyIsNotAnnounced(t *testing.T) {
	var out bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 2*readyPollInterval)
	defer cancel()
	a := &announcement{ready: func(*http.Request) error { return errors.New("no") }, log: slog.New(slog.NewJSONHandler(&out, nil))}
	if err := a.Start(ctx); err != nil || out.Len() > 0 {
		t.Errorf("logged %s, %v", &out, err)
	}
	if ctx.Err() == nil {
		t.Error("Start returned before its context ended")
	}
}

// selfSigned returns the files of a certificate and its key.
func selfSigned(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	certificate := server.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	for path, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: certificate.Certificate[0]},
		keyFile:  {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}
