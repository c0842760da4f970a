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
	s.listener = tls.NewListener(s.listener, &tls.Config{
		MinVersion:     tls.VersionTLS12, // Entra ID uses 1.2
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: certificate.GetCertificate,
	})
	return nil
}
