package httpserver

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certificate is a self-signed certificate in files.
type certificate struct{ certFile, keyFile string }

func newCertificate(t *testing.T, commonName string) certificate {
	t.Helper()
	dir := t.TempDir()
	c := certificate{filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")}
	c.write(t, commonName)
	return c
}

// write replaces the files with a new certificate and its key.
func (c certificate) write(t *testing.T, commonName string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: commonName},
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []struct {
		path  string
		block pem.Block
	}{
		{c.keyFile, pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}},
		{c.certFile, pem.Block{Type: "CERTIFICATE", Bytes: der}},
	} {
		if err := os.WriteFile(file.path, pem.EncodeToMemory(&file.block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// trusted returns the configuration of a client that trusts the certificate.
func (c certificate) trusted(t *testing.T) *tls.Config {
	t.Helper()
	content, err := os.ReadFile(c.certFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(content)
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

// servedName returns the common name of the certificate that the server presents.
func servedName(t *testing.T, r *running) string {
	t.Helper()
	dialer := &tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}}
	conn, err := dialer.DialContext(t.Context(), "tcp", r.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	secure, ok := conn.(*tls.Conn)
	if !ok {
		t.Fatalf("the connection is a %T", conn)
	}
	return secure.ConnectionState().PeerCertificates[0].Subject.CommonName
}

func TestTLSWithoutCBC(t *testing.T) {
	t.Parallel()
	files := newCertificate(t, "scim")
	r := start(t, Config{CertFile: files.certFile, KeyFile: files.keyFile, Handler: noContent(nil)})
	for _, test := range []struct {
		name    string
		version uint16 // the only one that the client offers
		suites  []uint16
		refused bool
	}{
		{"1.3", tls.VersionTLS13, nil, false},
		{"1.2", tls.VersionTLS12, nil, false},
		{"1.2 with AES-GCM", tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, false},
		{"1.2 with CBC", tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA}, true},
		{"1.1", tls.VersionTLS11, nil, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := &tls.Config{InsecureSkipVerify: true, MinVersion: test.version, MaxVersion: test.version, CipherSuites: test.suites}
			conn, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", r.Addr().String())
			if err == nil {
				_ = conn.Close()
			}
			if refused := err != nil; refused != test.refused {
				t.Errorf("error %v, refused should be %v", err, test.refused)
			}
		})
	}
}

// certwatcher also reads the files every ten seconds, in case it misses an event.
func TestChangedCertificateIsServed(t *testing.T) {
	t.Parallel()
	files := newCertificate(t, "first")
	r := start(t, Config{CertFile: files.certFile, KeyFile: files.keyFile, Handler: noContent(nil)})
	if name := servedName(t, r); name != "first" {
		t.Errorf("the certificate of %q is served", name)
	}
	files.write(t, "second")
	poll := time.NewTicker(dialInterval)
	defer poll.Stop()
	deadline := time.After(time.Minute)
	for servedName(t, r) != "second" {
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatal("the new certificate is not served after a minute")
		}
	}
	r.stopAndWait(t)
}

func TestUnreadableCertificateIsAnErrorAtOnce(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "tls.crt")
	_, err := New(Config{Address: "127.0.0.1:0", CertFile: missing, KeyFile: missing, Handler: noContent(nil)})
	if err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("the error does not name the file: %v", err)
	}
}
