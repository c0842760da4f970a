package consoleserve_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"

	"github.com/cloudsso/cloudsso-operator/test/oidcissuer"
	"github.com/cloudsso/cloudsso-operator/test/selfsigned"
)

// replica is a process of the console.
type replica struct {
	address string
	process *gexec.Session
}

var addressLogged = regexp.MustCompile(`"address":"([^"]+)"`)

// start starts a replica as the Deployment does, until the end of the suite or spec. The flags are added to its own.
func start(flags ...string) *replica {
	GinkgoHelper()
	flags = append([]string{
		"console", "serve", "--url=https://" + host, "--issuer-url=" + issuer.URL, "--issuer-ca-file=" + issuer.CAFile,
		"--client-id=" + oidcissuer.Audience, "--client-secret-file=" + filepath.Join(folder, "client-secret"),
		"--cookie-key-file=" + filepath.Join(folder, "cookie-key"), "--server=" + cp.Admin().Host,
		"--certificate-authority=" + filepath.Join(folder, "ca.crt"), "--tls-cert-file=" + selfsigned.Files(folder).Cert,
		"--tls-key-file=" + selfsigned.Files(folder).Key, "--bind-address=127.0.0.1:0", "--health-probe-bind-address=127.0.0.1:0",
	}, flags...)
	command := exec.Command(program, flags...)
	command.Env = []string{"HOME=" + folder}
	process, err := gexec.Start(command, GinkgoWriter, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	r := &replica{process: process}
	DeferCleanup(r.stop)
	Eventually(func() []string { return addressLogged.FindStringSubmatch(r.log()) }).Should(HaveLen(2))
	r.address = addressLogged.FindStringSubmatch(r.log())[1]
	return r
}

// stop ends a replica as the kubelet does.
func (r *replica) stop() {
	GinkgoHelper()
	r.process.Terminate()
	Eventually(r.process).Should(gexec.Exit(0))
}

func (r *replica) log() string { return string(r.process.Err.Contents()) }

// browser is a browser of a person, which runs no scripts.
type browser struct {
	*replica
	client *http.Client
	jar    *cookiejar.Jar
}

// newBrowser returns a browser that a Service leads to a replica. It trusts the certificates in more files too.
func newBrowser(r *replica, more ...string) *browser {
	GinkgoHelper()
	jar, err := cookiejar.New(nil)
	Expect(err).NotTo(HaveOccurred())
	b := &browser{replica: r, jar: jar}
	transport := &http.Transport{DialContext: b.dial, TLSClientConfig: &tls.Config{RootCAs: trusted(more...), ServerName: "localhost"}}
	b.client = &http.Client{Jar: jar, Transport: transport, Timeout: patience}
	DeferCleanup(transport.CloseIdleConnections)
	return b
}

func (b *browser) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if strings.HasPrefix(address, host+":") {
		address = b.address
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// moveTo leads the browser to another replica.
func (b *browser) moveTo(r *replica) {
	b.replica = r
	b.client.CloseIdleConnections()
}

// trusted returns the certificates of the console and the issuer, and those in more files.
func trusted(more ...string) *x509.CertPool {
	GinkgoHelper()
	pool := x509.NewCertPool()
	for _, file := range append([]string{selfsigned.Files(folder).Cert, issuer.CAFile}, more...) {
		content, err := os.ReadFile(file)
		Expect(err).NotTo(HaveOccurred())
		Expect(pool.AppendCertsFromPEM(content)).To(BeTrue())
	}
	return pool
}

// answer is what a browser was answered. Request.URL is the address after all redirections.
type answer struct {
	*http.Response
	body string
}

// get opens an address of the console.
func (b *browser) get(ctx context.Context, path string, changes ...func(*http.Request)) answer {
	GinkgoHelper()
	return b.send(ctx, http.MethodGet, path, nil, changes...)
}

func (b *browser) send(ctx context.Context, method, path string, form url.Values, changes ...func(*http.Request)) answer {
	GinkgoHelper()
	request, err := http.NewRequestWithContext(ctx, method, "https://"+host+path, strings.NewReader(form.Encode()))
	Expect(err).NotTo(HaveOccurred())
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	request.Header.Set("Accept", "text/html")
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, change := range changes {
		change(request)
	}
	response, err := b.client.Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	Expect(err).NotTo(HaveOccurred())
	return answer{response, string(body)}
}

// stay makes the browser follow no redirections.
func (b *browser) stay() *browser {
	b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return b
}

// follow makes the browser follow redirections again.
func (b *browser) follow() *browser {
	b.client.CheckRedirect = nil
	return b
}

// signIn returns a browser in which a person has signed in at a replica. The changes are those of the ID tokens' claims.
func signIn(ctx context.Context, r *replica, p oidcissuer.Person, changes map[string]any) *browser {
	GinkgoHelper()
	issuer.SignIn(&p, changes)
	b := newBrowser(r)
	got := b.get(ctx, "/signin")
	Expect(got.Request.URL.Host).To(Equal(host))
	Expect(b.cookies()).To(HaveKey(sessionCookie), "%d %s", got.StatusCode, got.body)
	return b
}

const (
	// sessionCookie is the first cookie of a session.
	sessionCookie = "__Host-cloudsso-session-0"
	// signInPrefix begins the names of the cookies of sign-ins that are under way.
	signInPrefix = "__Host-cloudsso-sign-in-"
)

// signIns returns the names of the cookies of sign-ins that are under way.
func (b *browser) signIns() (names []string) {
	for name := range b.cookies() {
		if strings.HasPrefix(name, signInPrefix) {
			names = append(names, name)
		}
	}
	return names
}

var consoleURL = &url.URL{Scheme: "https", Host: host, Path: "/"}

// cookies returns those that the browser has for the console.
func (b *browser) cookies() map[string]string {
	all := map[string]string{}
	for _, c := range b.jar.Cookies(consoleURL) {
		all[c.Name] = c.Value
	}
	return all
}

// plant sets a cookie as if it had been set by the console.
func (b *browser) plant(name, value string) {
	b.jar.SetCookies(consoleURL, []*http.Cookie{{Name: name, Value: value, Path: "/", Secure: true}})
}

var csrfInput = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// csrf returns the token of the forms of a page.
func (a answer) csrf() string {
	GinkgoHelper()
	found := csrfInput.FindStringSubmatch(a.body)
	Expect(found).To(HaveLen(2), a.body)
	return found[1]
}
