package quickstart_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/cloudsso/cloudsso-operator/test/provider"
)

// reloadTimeout is how long a new certificate may take to be served.
const reloadTimeout = 20 * time.Second

// readsItsCertificateAgain replaces the files of the manager's certificate. New connections get the new certificate, open
// connections stay, and the process is the same.
func readsItsCertificateAgain(ctx context.Context, c checkout, variables map[string]string) {
	GinkgoHelper()
	By("replacing the certificate")
	manager := c.processes()["manager"]
	before := connect(variables)
	send(ctx, before, http.StatusOK, "GET", "/Users?count=0", "")
	outdated := connect(variables) // has no connection yet, and trusts only the old certificate
	replaceCertificate(filepath.Dir(variables["SCIM_CA_FILE"]))
	attempt := func(scim *provider.Client) error {
		_, err := scim.Do(ctx, "GET", "/Users?count=0", "")
		scim.HTTP.CloseIdleConnections()
		return err
	}
	Eventually(func() error { return attempt(connect(variables)) }).WithTimeout(reloadTimeout).Should(Succeed())
	Expect(attempt(outdated)).To(MatchError(ContainSubstring("certificate")), "the old one is not served any more")
	send(ctx, before, http.StatusOK, "GET", "/Users?count=0", "")
	Expect(c.processes()).To(HaveKeyWithValue("manager", manager))
}

// replaceCertificate replaces tls.crt and tls.key by another certificate and its key.
func replaceCertificate(dir string) {
	GinkgoHelper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "another"},
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		BasicConstraintsValid: true, IsCA: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	Expect(err).NotTo(HaveOccurred())
	private, err := x509.MarshalECPrivateKey(key)
	Expect(err).NotTo(HaveOccurred())
	for name, block := range map[string]*pem.Block{
		"tls.key": {Type: "EC PRIVATE KEY", Bytes: private},
		"tls.crt": {Type: "CERTIFICATE", Bytes: certificate},
	} {
		path := filepath.Join(dir, name)
		Expect(os.WriteFile(path+".new", pem.EncodeToMemory(block), 0o600)).To(Succeed())
		Expect(os.Rename(path+".new", path)).To(Succeed())
	}
}
