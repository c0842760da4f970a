package plugin_test

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
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/cloudsso/cloudsso-operator/test/provider"
)

// front is a server that ends TLS in front of the operator, as an ingress does. Its certificate is issued by an intermediate CA.
type front struct {
	change        func(leaf *x509.Certificate) // nil for a certificate without a fault
	isAlone       bool                         // the certificate of the intermediate CA is not sent
	isOfAnotherCA bool                         // the root is not the one to trust
	aheadBy       time.Duration                // by how much its clock is ahead; negative if it is behind
}

// issued is a certificate with its key.
type issued struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// issue returns a certificate. A template without an issuer issues itself.
func issue(template *x509.Certificate, by *issued) *issued {
	GinkgoHelper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62))
	Expect(err).NotTo(HaveOccurred())
	parent, signer := template, key
	if by != nil {
		parent, signer = by.certificate, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	Expect(err).NotTo(HaveOccurred())
	certificate, err := x509.ParseCertificate(der)
	Expect(err).NotTo(HaveOccurred())
	return &issued{certificate, key}
}

// issueCA returns the certificate of a CA.
func issueCA(name string, by *issued) *issued {
	GinkgoHelper()
	now := time.Now()
	return issue(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true,
	}, by)
}

// start serves until the end of the spec, and returns the SCIM base URL and a file of the certificate to trust.
func (f front) start() (endpoint, caFile string) {
	GinkgoHelper()
	root := issueCA("Root", nil)
	intermediate := issueCA("Intermediate", root)
	now := time.Now()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "Front"}, NotBefore: now.AddDate(0, -1, 0), NotAfter: now.AddDate(0, 1, 0),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if f.change != nil {
		f.change(template)
	}
	leaf := issue(template, intermediate)
	chain := tls.Certificate{Certificate: [][]byte{leaf.certificate.Raw}, PrivateKey: leaf.key}
	if !f.isAlone {
		chain.Certificate = append(chain.Certificate, intermediate.certificate.Raw)
	}
	server := httptest.NewUnstartedServer(f.handler())
	server.TLS, server.EnableHTTP2 = &tls.Config{Certificates: []tls.Certificate{chain}, MinVersion: tls.VersionTLS12}, true
	server.StartTLS()
	DeferCleanup(server.Close)
	if f.isOfAnotherCA {
		root = issueCA("Other root", nil)
	}
	caFile = filepath.Join(GinkgoT().TempDir(), "ca.crt")
	Expect(os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.certificate.Raw}), 0o600)).To(Succeed())
	return server.URL + "/scim/v2", caFile
}

// handler passes requests on to the operator.
func (f front) handler() http.Handler {
	GinkgoHelper()
	operator, err := provider.New(environment.BaseURL, "", environment.CAFile)
	Expect(err).NotTo(HaveOccurred())
	target, err := url.Parse(environment.BaseURL)
	Expect(err).NotTo(HaveOccurred())
	target.Path = ""
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = operator.HTTP.Transport
	proxy.ModifyResponse = func(response *http.Response) error {
		response.Header.Set("Date", time.Now().Add(f.aheadBy).UTC().Format(http.TimeFormat))
		return nil
	}
	return proxy
}
