package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/console/pages"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/console/signin"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/log"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/httpserver"
)

// service is the console in the cluster.
type service struct {
	*plugin.Plugin

	url, issuer, clientID                                    string
	scopes                                                   []string
	clientSecretFile, issuerCAFile, keyFile, tlsCert, tlsKey string
	insecureHTTP                                             bool
	address, probeAddress                                    string
	server, serverCA, namespace, operatorNamespace           string
}

func newServeCommand(p *plugin.Plugin) *cobra.Command {
	s := service{Plugin: p}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the console in the cluster, to persons who sign in",
		Long: "Serves the pages of directories to persons who sign in with OpenID Connect. Each request reaches the API server with the\n" +
			"person's own ID token, so that RBAC and the audit log are the person's. The API server has to trust the issuer and the\n" +
			"client (docs/console.md). Of kubectl's flags it reads --server, --certificate-authority and --namespace alone, and no\n" +
			"kubeconfig. The component config/console runs it.",
		Example: "  kubectl cloudsso console serve --url=https://console.example.com --issuer-url=https://example.okta.com --client-id=0oa1b2c3d4 \\\n" +
			"    --client-secret-file=client-secret --cookie-key-file=cookie-key --tls-cert-file=tls.crt --tls-key-file=tls.key \\\n" +
			"    --server=https://kubernetes.example.com:6443 --certificate-authority=ca.crt",
		Args: plugin.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s.server, s.serverCA, s.namespace = inherited(cmd, "server"), inherited(cmd, "certificate-authority"), inherited(cmd, "namespace")
			return s.run(cmd.Context())
		},
	}
	s.addFlags(cmd)
	return cmd
}

// inherited returns the value of one of kubectl's flags.
func inherited(cmd *cobra.Command, name string) string { return cmd.Flag(name).Value.String() }

func (s *service) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&s.url, "url", "", "URL at which browsers reach the console, such as https://console.example.com (required)")
	flags.StringVar(&s.issuer, "issuer-url", "", "issuer of the ID tokens, such as https://example.okta.com (required)")
	flags.StringVar(&s.clientID, "client-id", "", "the console's client at the issuer, which is the audience of the ID tokens (required)")
	flags.StringVar(&s.clientSecretFile, "client-secret-file", "", "file with the secret of the client; without it the client is a public one")
	flags.StringSliceVar(&s.scopes, "scopes", []string{"profile", "email"}, "scopes to ask for beside openid; with offline_access a session is renewed for twelve hours")
	flags.StringVar(&s.issuerCAFile, "issuer-ca-file", "", "CAs of the issuer's certificate, PEM; by default those of the system, or of Mozilla if it has none")
	flags.StringVar(&s.keyFile, "cookie-key-file", "", "file with the key of cookies, 32 bytes in base64: the same for all replicas. The keys of further lines are accepted, and not used for new cookies (required)")
	flags.StringVar(&s.tlsCert, "tls-cert-file", "", "certificate of the console, PEM; read again when it changes")
	flags.StringVar(&s.tlsKey, "tls-key-file", "", "private key of the certificate, PEM")
	flags.BoolVar(&s.insecureHTTP, "insecure-http", false, "serve without TLS, on loopback unless --bind-address says otherwise: for an ingress that terminates TLS")
	flags.StringVar(&s.operatorNamespace, "operator-namespace", log.DefaultOperatorNamespace, "the namespace of the operator, whose log is shown")
	flags.StringVar(&s.address, "bind-address", "", "address that the console listens on; by default :8443, or 127.0.0.1:8443 with --insecure-http")
	flags.StringVar(&s.probeAddress, "health-probe-bind-address", ":8081", "address of /healthz and /readyz")
	for _, required := range []string{"url", "issuer-url", "client-id", "cookie-key-file"} {
		_ = cmd.MarkFlagRequired(required) // it exists
	}
}

func (s *service) run(ctx context.Context) error {
	logger := slog.New(slog.NewJSONHandler(s.ErrOut, nil))
	signIn, err := s.newSignIn(logger)
	if err != nil {
		return err
	}
	handler := pages.New(pages.Options{
		Session: signIn.Session, Namespace: s.namespace, OperatorNamespace: s.operatorNamespace, TLS: true, Now: s.Now, Random: s.Random, Stopping: ctx.Done(),
	})
	server, err := httpserver.New(httpserver.Config{
		Address: s.bindAddress(), CertFile: s.tlsCert, KeyFile: s.tlsKey, PlainHTTP: s.insecureHTTP,
		Handler: signIn.Protect(handler), Log: logger,
	})
	if err != nil {
		return err
	}
	probes, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.probeAddress)
	if err != nil {
		return err
	}
	logger.Info("the console serves", "address", server.Addr().String(), "url", s.url)
	return serveBoth(ctx, server, probes)
}

// serveBoth serves the console until the context ends, and the probes until its last request has ended.
func serveBoth(ctx context.Context, server *httpserver.Server, probes net.Listener) error {
	group, ctx := errgroup.WithContext(ctx)
	probing, stopProbes := context.WithCancel(context.WithoutCancel(ctx))
	group.Go(func() error {
		defer stopProbes()
		return server.Start(ctx)
	})
	group.Go(func() error { return serve(probing, probes, newProbes(server.Ready)) })
	return group.Wait()
}

// newProbes returns the handler of /healthz and /readyz. It asks neither the API server nor the issuer: while one of them is away,
// a restart of the console helps no person.
func newProbes(ready func(*http.Request) error) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := ready(r); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	return mux
}

func (s *service) bindAddress() string {
	switch {
	case s.address != "":
		return s.address
	case s.insecureHTTP:
		return "127.0.0.1:8443"
	}
	return ":8443"
}

func (s *service) newSignIn(logger *slog.Logger) (*signin.SignIn, error) {
	address, err := url.Parse(s.url)
	if err != nil {
		return nil, err
	}
	keys, err := os.ReadFile(s.keyFile)
	if err != nil {
		return nil, err
	}
	provider, err := s.readProvider()
	if err != nil {
		return nil, err
	}
	api, err := s.apiServer()
	if err != nil {
		return nil, err
	}
	return signin.New(signin.Options{URL: address, Provider: provider, Keys: keys, API: api, Now: s.Now, Log: logger})
}

func (s *service) readProvider() (o signin.ProviderOptions, err error) {
	o = signin.ProviderOptions{Issuer: s.issuer, ClientID: s.clientID, Scopes: s.scopes}
	if s.clientSecretFile != "" {
		secret, err := os.ReadFile(s.clientSecretFile)
		if err != nil {
			return o, err
		}
		o.ClientSecret = strings.TrimSpace(string(secret))
	}
	if s.issuerCAFile != "" {
		content, err := os.ReadFile(s.issuerCAFile)
		if err != nil {
			return o, err
		}
		if o.CA, err = signin.ParseCA(content); err != nil {
			return o, fmt.Errorf("%s: %w", s.issuerCAFile, err)
		}
	}
	return o, nil
}

// apiServer returns the address of the API server: that of --server, or of the cluster that the console runs in. It reads no
// credential.
func (s *service) apiServer() (*rest.Config, error) {
	server := s.server
	if server == "" {
		host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")
		if host == "" || port == "" {
			return nil, errors.New("no API server: give --server, because this is not a Pod of a cluster")
		}
		server = "https://" + net.JoinHostPort(host, port)
	}
	return &rest.Config{Host: server, TLSClientConfig: rest.TLSClientConfig{CAFile: s.serverCA}}, nil
}
