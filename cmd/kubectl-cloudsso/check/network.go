package check

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

const (
	// stepTimeout is how long one connection or request may take. Okta gives up after a minute; a healthy service answers in
	// milliseconds.
	stepTimeout = 15 * time.Second
	// certificateWarning is how long before its end a certificate is worth a warning: cert-manager renews 30 days before.
	certificateWarning = 14 * 24 * time.Hour
)

// checker connects to the endpoint of a directory.
type checker struct {
	directory   *v1alpha1.CloudSSODirectory
	credentials []v1alpha1.SCIMCredential
	base        *url.URL
	token       string
	testUser    bool
	roots       *x509.CertPool // nil for those of this machine
	http        *http.Client
	now         func() time.Time
}

func newChecker(d *v1alpha1.CloudSSODirectory, credentials []v1alpha1.SCIMCredential, o options, token string, now func() time.Time) (*checker, error) {
	if o.endpoint == "" {
		o.endpoint = d.Status.Endpoint
	}
	if o.endpoint == "" {
		return nil, fmt.Errorf("directory %s has no status.endpoint: is the operator running? Or give --endpoint", d.Namespace)
	}
	base, err := url.Parse(strings.TrimSuffix(o.endpoint, "/"))
	if err != nil || base.Hostname() == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, fmt.Errorf("the endpoint %q is no URL of HTTP: give one such as https://scim.example.com/scim/v2", o.endpoint)
	}
	c := &checker{directory: d, credentials: credentials, base: base, token: token, testUser: o.testUser, now: now}
	if o.caFile != "" {
		pem, err := os.ReadFile(o.caFile)
		if err != nil {
			return nil, err
		}
		if c.roots = x509.NewCertPool(); !c.roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--ca-file %s has no certificate in PEM", o.caFile)
		}
	}
	c.http = &http.Client{
		Timeout:       stepTimeout,
		Transport:     &http.Transport{TLSClientConfig: c.tlsConfig(), ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

func (c *checker) tlsConfig() *tls.Config {
	return &tls.Config{RootCAs: c.roots, MinVersion: tls.VersionTLS12}
}

func (c *checker) steps() []step {
	steps := []step{
		{name: "directory", do: c.checkDirectory},
		{name: "DNS", do: c.checkName, vital: true},
		{name: "connection", do: c.checkConnection, vital: true},
		{name: "certificate", do: c.checkCertificate, vital: true},
		{name: "service", do: c.checkService, vital: true},
		{name: "clock", do: c.checkClock},
	}
	if c.token != "" {
		steps = append(steps, step{name: "token", do: c.checkToken, vital: true}, step{name: "request with the token", do: c.checkRequest, vital: true})
	}
	if c.testUser {
		steps = append(steps, step{name: "test user", do: c.checkLifeCycle})
	}
	return steps
}

func (c *checker) checkDirectory(context.Context) (string, error) {
	d := c.directory
	if d.Spec.SCIMSynchronization != v1alpha1.SynchronizationEnabled {
		return "", failure("Turn it on: kubectl cloudsso sync enable -n "+d.Namespace, "synchronization is Disabled, so requests are refused with 403")
	}
	for _, condition := range d.Status.Conditions {
		if condition.Type == v1alpha1.ConditionReady && condition.Status == "False" {
			return "", failure("Look at it: kubectl cloudsso status -n "+d.Namespace, "the directory is not served: %s", condition.Message)
		}
	}
	return "synchronization is Enabled at " + c.base.String(), nil
}

func (c *checker) checkName(ctx context.Context) (string, error) {
	host := c.base.Hostname()
	if net.ParseIP(host) != nil {
		return host + " is an address", nil
	}
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return "", failure("Create a DNS record for the name, or correct the operator's --scim-public-url.", "%s has no address: %v", host, err)
	}
	return host + " is " + strings.Join(addresses, ", "), nil
}

// address returns the host and port of the endpoint.
func (c *checker) address() string {
	port := c.base.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[c.base.Scheme]
	}
	return net.JoinHostPort(c.base.Hostname(), port)
}

func (c *checker) checkConnection(ctx context.Context) (string, error) {
	dialer := net.Dialer{Timeout: stepTimeout}
	connection, err := dialer.DialContext(ctx, "tcp", c.address())
	if err != nil {
		return "", failure("Look at the load balancer, the ingress, the firewall and the pods of the operator.", "no connection: %v", err)
	}
	return "to " + connection.RemoteAddr().String(), connection.Close()
}

func (c *checker) checkCertificate(ctx context.Context) (string, error) {
	if c.base.Scheme == "http" {
		if c.token != "" && !c.isLoopback() {
			return "", failure("Serve HTTPS, or leave --token-file out.", "the endpoint has no TLS, so each server and network on the way could read the token: it is not sent")
		}
		return "", warning("Serve HTTPS: identity providers refuse to send a token over HTTP.", "the endpoint has no TLS")
	}
	chain, err := c.servedChain(ctx)
	if err != nil {
		return "", failure("Does the port serve TLS?", "no TLS connection: %v", err)
	}
	if err := c.verify(chain); err != nil {
		return "", certificateFailure(chain, err)
	}
	leaf := chain[0]
	until := leaf.NotAfter.UTC().Format(time.RFC3339)
	if leaf.NotAfter.Sub(c.now()) < certificateWarning {
		return "", warning("Renew it. The operator reads a new file without a restart.", "it expires at %s", until)
	}
	return fmt.Sprintf("issued by %q, until %s", leaf.Issuer, until), nil
}

// isLoopback reports whether the endpoint is on this machine.
func (c *checker) isLoopback() bool {
	host := c.base.Hostname()
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// servedChain returns the certificates that the server sends, trusted or not.
func (c *checker) servedChain(ctx context.Context) ([]*x509.Certificate, error) {
	config := c.tlsConfig()
	config.ServerName = c.base.Hostname()
	config.InsecureSkipVerify = true // no data are sent; verify looks at the chain
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	connection, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", c.address())
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	secured, isTLS := connection.(*tls.Conn)
	if !isTLS || len(secured.ConnectionState().PeerCertificates) == 0 {
		return nil, errors.New("the server sends no certificate")
	}
	return secured.ConnectionState().PeerCertificates, nil
}

func (c *checker) verify(chain []*x509.Certificate) error {
	intermediates := x509.NewCertPool()
	for _, certificate := range chain[1:] {
		intermediates.AddCert(certificate)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		DNSName: c.base.Hostname(), Roots: c.roots, Intermediates: intermediates, CurrentTime: c.now(),
	})
	return err
}

// certificateFailure says what is wrong with a chain, and what to do.
func certificateFailure(chain []*x509.Certificate, err error) error {
	leaf := chain[0]
	var wrongName x509.HostnameError
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &wrongName):
		return failure("Issue a certificate for the name of the endpoint.", "it is for another name: %v", err)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return failure("Renew it, if the clock of this machine is right.", "it is not valid now: %v", err)
	case errors.As(err, &unknown) && len(chain) == 1 && leaf.Issuer.String() != leaf.Subject.String():
		return failure("If it is a public CA, put the certificates of the intermediate CAs after the server's own one in tls.crt. To check a certificate of your own CA, give --ca-file.",
			"the server sends its own certificate alone, and this machine does not know the CA %q that has issued it", leaf.Issuer)
	case errors.As(err, &unknown):
		return failure("Use a certificate of a public CA, because identity providers trust no other. To check one of your own CA, give --ca-file.", "this machine does not trust its CA %q", leaf.Issuer)
	}
	return failure("", "%v", err)
}
