package httpserver

import (
	"crypto/tls"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
)

// useTLS makes the server serve TLS, with the certificate that the files hold at the time of each handshake.
func (s *Server) useTLS(certFile, keyFile string) error {
	certificate, err := certwatcher.New(certFile, keyFile)
	if err != nil {
		return fmt.Errorf("reading the certificate %q and its key %q: %w", certFile, keyFile, err)
	}
	s.certificate = certificate
	config := &tls.Config{NextProtos: []string{"h2", "http/1.1"}, GetCertificate: certificate.GetCertificate}
	RestrictTLS(config)
	s.listener = tls.NewListener(s.listener, config)
	return nil
}

// RestrictTLS makes a server accept TLS 1.3, and TLS 1.2 without the suites in CBC mode or without forward secrecy, as
// RFC 9325 section 4.2 recommends.
func RestrictTLS(c *tls.Config) {
	c.MinVersion = tls.VersionTLS12 // Entra ID uses 1.2
	c.CipherSuites = []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
}
