//go:build console

package console_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/test/oidcissuer"
	"github.com/cloudsso/cloudsso-operator/test/selfsigned"
)

// reader signs in to the console in the cluster, and has the ClusterRole view in the directory's namespace.
var reader = oidcissuer.Person{Subject: "00u-reader", UserName: "reader@example.com"}

// serve starts the console as its Deployment does, until the end of the spec, with the provider that the API server trusts.
func serve(ctx context.Context) *console {
	GinkgoHelper()
	// The URL of the console is one of its flags, so the port has to be known before it starts.
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	_, port, err := net.SplitHostPort(listener.Addr().String())
	Expect(err).NotTo(HaveOccurred())
	Expect(listener.Close()).To(Succeed())
	c := &console{root: "https://localhost:" + port}

	mounted, key := GinkgoT().TempDir(), make([]byte, 32)
	certificate, err := selfsigned.Write(mounted, time.Now())
	Expect(err).NotTo(HaveOccurred())
	_, err = rand.Read(key)
	Expect(err).NotTo(HaveOccurred())
	file := func(name, content string) string {
		path := filepath.Join(mounted, name)
		Expect(os.WriteFile(path, []byte(content), 0o600)).To(Succeed())
		return path
	}
	secret := rand.Text()
	environment.Issuer.Register(oidcissuer.Client{ID: oidcissuer.Audience, Secret: secret, RedirectURL: c.root + "/signin/callback"})
	command := exec.Command(plugin, "console", "serve", "--url="+c.root, "--issuer-url="+environment.Issuer.URL,
		"--issuer-ca-file="+environment.Issuer.CAFile, "--client-id="+oidcissuer.Audience, "--client-secret-file="+file("secret", secret),
		"--cookie-key-file="+file("key", base64.StdEncoding.EncodeToString(key)), "--server="+environment.ControlPlane.Admin().Host,
		"--certificate-authority="+file("ca.crt", string(environment.ControlPlane.Admin().CAData)),
		"--tls-cert-file="+certificate.Cert, "--tls-key-file="+certificate.Key,
		"--bind-address=127.0.0.1:"+port, "--health-probe-bind-address=127.0.0.1:0")
	command.Env = []string{"HOME=" + folder}
	c.process, err = gexec.Start(command, GinkgoWriter, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() {
		c.process.Terminate()
		Eventually(c.process).Should(gexec.Exit(0))
	})
	Eventually(c.output).Should(ContainSubstring("the console serves"))

	createUntilEnd(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: environment.Namespace, Name: "reader"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: oidcissuer.UsernamePrefix + reader.UserName}},
	})
	return c
}

// browseSignedOut opens a tab at a console in the cluster without a session.
func browseSignedOut(ctx context.Context, c *console) *tab {
	GinkgoHelper()
	t := newTab(ctx, c, chromedp.WithNewBrowserContext())
	t.provider = environment.Issuer.URL
	call(t, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true}) // of both, which are self-signed
	return t
}

// signOut ends the session of a tab.
func (t *tab) signOut() {
	GinkgoHelper()
	t.do(chromedp.Click(chromedp.CSS(".person button")))
	t.arrive("/signedout")
}

// signInScenes are the pages that a person sees who is not signed in.
var signInScenes = []scene{
	{"signed out", func(_ context.Context, t *tab) {
		environment.Issuer.SignIn(&reader, nil)
		t.goTo(directory(""))
		t.signOut()
	}},
	{"refused by the provider", func(_ context.Context, t *tab) {
		environment.Issuer.SignIn(nil, nil)
		Expect(t.load("/signin")).To(Equal(http.StatusForbidden))
		Expect(t.text("main [role=alert]")).To(ContainSubstring("The identity provider has refused the sign-in"))
	}},
	{"an answer of the provider that is not asked for", func(_ context.Context, t *tab) {
		Expect(t.load("/signin/callback?state=invented&code=x")).To(Equal(http.StatusBadRequest))
		Expect(t.text("main [role=alert]")).To(ContainSubstring("This sign-in was begun in another browser"))
	}},
	{"a page whose session has ended", func(_ context.Context, t *tab) {
		environment.Issuer.SignIn(&reader, nil)
		t.goTo(directory("users"))
		t.hold("*/access")
		t.goTo(directory("users/" + users[alice]))
		Eventually(t.holds).Should(BeNumerically(">", 0))
		call(t, network.ClearBrowserCookies, cdp.Empty{})
		t.release()
		Eventually(t.shows).WithArguments("main [role=alert]").Should(ContainSubstring("Your session has ended."))
	}},
}

var _ = Describe("the console in the cluster", func() {
	It("lets a person sign in with a browser, and sign out", func(ctx SpecContext) {
		c := serve(ctx)
		environment.Issuer.SignIn(&reader, nil)
		t := browseSignedOut(ctx, c)
		t.do(chromedp.Navigate(t.root + directory("users?q=alice")))
		t.arrive(directory("users"))
		Expect(evaluate[string](t, "location.search")).To(Equal("?q=alice"))
		Eventually(func() string { return t.text("main") }).Should(ContainSubstring(alice))
		Expect(t.text(".person")).To(ContainSubstring(oidcissuer.UsernamePrefix + reader.UserName))
		Expect(evaluate[string](t, "document.cookie")).To(BeEmpty())

		t.signOut()
		Expect(t.text("h1")).To(Equal("You are signed out"))
		t.do(chromedp.Click(chromedp.CSS("main a.button")))
		t.arrive("/directories")
		asked := environment.Issuer.Asked()
		Expect(asked[len(asked)-1].Get("prompt")).To(Equal("login"))
	})

	for _, width := range []int64{narrow, wide} {
		It(fmt.Sprintf("shows a person who is not signed in why, in a window %d pixels wide", width), func(ctx SpecContext) {
			t := browseSignedOut(ctx, serve(ctx))
			t.do(chromedp.EmulateViewport(width, height))
			for _, s := range signInScenes {
				s.reach(ctx, t)
				expectNoScrolling(t, s.name)
				Expect(t.text(`main a[href^="/signin"]`)).To(Equal("Sign in"), s.name)
			}
		})
	}
})
