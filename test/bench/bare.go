package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/cloudsso/cloudsso-operator/test/load"
)

// bareCommand makes this program the baseline of reads: net/http with the manager's TLS configuration and
// certificate, and a handler that answers every request with the same header and bytes.
const bareCommand = "bare"

// reply is the answer of the bare handler to every request.
type reply struct {
	Header http.Header
	Body   []byte
}

// bareServer is the baseline, running as a process of its own.
type bareServer struct {
	client  *load.Client
	command *exec.Cmd
	stdin   io.Closer
}

// startBare starts a bare handler that answers as the stack's service answers a GET of the path.
func (s *stack) startBare(ctx context.Context, path string) (*bareServer, error) {
	answer, err := s.scim.Do(ctx, http.MethodGet, path, "")
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	b := &bareServer{}
	b.command = exec.CommandContext(ctx, self, bareCommand, s.CAFile, filepath.Join(filepath.Dir(s.CAFile), "tls.key"))
	b.command.Stderr = os.Stderr
	stdin, err := b.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := b.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := b.command.Start(); err != nil {
		return nil, err
	}
	b.stdin = stdin
	if err := json.NewEncoder(stdin).Encode(reply{answer.Header, answer.Body}); err != nil {
		return nil, errors.Join(err, b.stop())
	}
	address, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("the bare handler did not start: %w", errors.Join(err, b.stop()))
	}
	b.client, err = s.connectTo("https://" + strings.TrimSpace(address))
	return b, err
}

func (b *bareServer) stop() error { return errors.Join(b.stdin.Close(), b.command.Wait()) }

// serveBare serves until its standard input ends, so that it does not outlive the process that started it.
func serveBare(ctx context.Context, files []string) error {
	if len(files) != 2 {
		return errors.New("bare needs a certificate and a key")
	}
	certificate, err := tls.LoadX509KeyPair(files[0], files[1])
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(os.Stdin)
	var r reply
	if err := decoder.Decode(&r); err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	// Server and TLS are configured as in internal/httpserver.
	server := &http.Server{
		Handler: r, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: 2 * time.Minute, IdleTimeout: 2 * time.Minute,
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = server.Close()
	}()
	config := &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return &certificate, nil
		},
	}
	err = server.Serve(tls.NewListener(listener, config))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (r reply) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	for name, values := range r.Header {
		w.Header()[name] = values
	}
	_, _ = w.Write(r.Body) // a client that hung up needs no answer
}
