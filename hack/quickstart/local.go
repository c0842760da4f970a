package quickstart

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
	"github.com/cloudsso/cloudsso-operator/test/oidcissuer"
	"github.com/cloudsso/cloudsso-operator/test/programs"
	"github.com/cloudsso/cloudsso-operator/test/selfsigned"
)

// Options say what to run. Dir is required.
type Options struct {
	// Dir holds what is written: certificate, kubeconfigs, logs, the manager's binary, etcd's data.
	Dir string
	// Keep uses etcd's data, the certificate and the port of an earlier run in Dir. By default a run starts without them.
	Keep bool
	// Namespace is the directory's; by default DefaultNamespace.
	Namespace string
	// Port is that of the SCIM service; by default a free one.
	Port int
	// PlainHTTP serves SCIM without TLS, on loopback.
	PlainHTTP bool
	// Race builds the manager with the race detector.
	Race bool
	// Tag, if it is given, is a build tag of the manager.
	Tag string
	// Via says for each replica, counted from 0, at which address it reaches the API server, given the
	// API server's own. Nil is directly.
	Via func(replica int, apiServer string) (string, error)
	// Flags are more flags of the manager, such as --leader-lease-duration=30s.
	Flags []string
	// RateLimit is that of the directory; by default the operator's.
	RateLimit *v1alpha1.RateLimit
	// Profile has each manager serve its profiles, see Manager.PprofURL.
	Profile bool
	// FeatureGates are those of kube-apiserver; by default its own.
	FeatureGates string
	// Access lets the operator grant access, and starts an OIDC issuer whose tokens the API server accepts.
	Access bool
	// Controllers are those of kube-controller-manager to run; by default it does not run.
	Controllers []string
	// Progress, if not nil, is called with the name of each step as it begins.
	Progress func(step string)
}

// DefaultNamespace is the namespace of the directory that is set up.
const DefaultNamespace = "acme"

// portFile is the name of the file that holds the port of the SCIM service.
const portFile = "port"

// CredentialName is the name of the credential that is set up.
const CredentialName = "okta"

// Environment is the operator, running.
type Environment struct {
	ControlPlane *controlplane.ControlPlane
	// Admin may do everything.
	Admin client.Client
	// Kubeconfig is a file for kubectl, of a cluster-admin. The admission policies apply to that user.
	Kubeconfig string
	Namespace  string
	// Issuer signs the ID tokens of people, and UserKubeconfig is a file for kubectl --token. They are set with
	// Options.Access.
	Issuer         *oidcissuer.Issuer
	UserKubeconfig string
	// Manager is the first replica.
	Manager *Manager
	// BaseURL, Token and CAFile are what an identity provider is given. CAFile is "" for plain HTTP.
	BaseURL, Token, CAFile string

	options  Options
	log      *os.File
	operator *rest.Config
	manager  managerOptions
	others   []*Manager
}

// Start starts everything. If it fails it leaves nothing running.
func Start(ctx context.Context, o Options) (_ *Environment, err error) {
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.Namespace == "" {
		o.Namespace = DefaultNamespace
	}
	log.SetLogger(logr.Discard()) // unless the program has set one: without it, clients print a warning with a stack
	e := &Environment{options: o, Namespace: o.Namespace}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Stop())
		}
	}()
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"preparing " + o.Dir, e.prepare},
		{"starting etcd and kube-apiserver", e.startControlPlane},
		{"compiling the manager (minutes the first time, seconds later)", e.compile},
		{"creating the directory and a credential in namespace " + o.Namespace, e.setUp},
		{"starting the manager", e.startFirst},
		{"waiting for the token", e.awaitToken},
		{"waiting until the directory is activated", e.awaitActivation},
		{"waiting until the admission policies are in force, half a minute after the API server's start", e.awaitPolicies},
	} {
		o.Progress(step.name)
		if err := step.do(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return e, nil
}

func (e *Environment) prepare(context.Context) error {
	if err := e.choosePort(); err != nil {
		return err
	}
	if !e.options.Keep {
		if err := os.RemoveAll(e.path("etcd")); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(e.options.Dir, 0o700); err != nil {
		return err
	}
	var err error
	e.log, err = os.Create(e.path("manager.log"))
	return err
}

// choosePort uses the port of the earlier run if its data are kept, so that what a provider was told stays true.
func (e *Environment) choosePort() error {
	if e.options.Keep && e.options.Port == 0 {
		earlier, err := os.ReadFile(e.path(portFile))
		if err == nil {
			e.options.Port, err = strconv.Atoi(strings.TrimSpace(string(earlier)))
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("reading the port of the earlier run: %w", err)
		}
	}
	return vacant(e.options.Port)
}

func (e *Environment) startControlPlane(ctx context.Context) error {
	o := controlplane.Options{
		DataDir: e.path("etcd"), LogDir: e.options.Dir, FeatureGates: e.options.FeatureGates, Controllers: e.options.Controllers,
	}
	if e.options.Access {
		if err := e.startIssuer(ctx, &o); err != nil {
			return err
		}
	}
	cp, err := controlplane.Start(ctx, o)
	if err != nil {
		return err
	}
	e.ControlPlane = cp
	if e.options.Access {
		if err := e.installAccess(ctx); err != nil {
			return err
		}
	}
	if e.Admin, err = newClient(cp.Admin()); err != nil {
		return err
	}
	person, err := cp.ClusterAdmin(ctx, "admin")
	if err != nil {
		return err
	}
	e.Kubeconfig = e.path("kubeconfig")
	return e.writeKubeconfig(e.Kubeconfig, person)
}

func (e *Environment) awaitPolicies(ctx context.Context) error {
	return e.ControlPlane.AwaitPolicies(ctx)
}

func (e *Environment) awaitActivation(ctx context.Context) error {
	return AwaitActivation(ctx, e.Admin, e.Namespace)
}

func (e *Environment) writeKubeconfig(path string, config *rest.Config) error {
	content, err := e.ControlPlane.Kubeconfig(config)
	if err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o600)
}

func (e *Environment) compile(ctx context.Context) error {
	root, err := controlplane.ModuleRoot()
	if err != nil {
		return err
	}
	e.manager.binary, err = programs.Build(ctx, programs.Options{Root: root, Package: "cmd/manager", Dir: e.options.Dir, Race: e.options.Race, Tag: e.options.Tag})
	return err
}

func (e *Environment) startFirst(ctx context.Context) error {
	operator, err := e.ControlPlane.Operator(ctx)
	if err != nil {
		return err
	}
	e.operator = operator
	if e.manager.kubeconfig, err = e.operatorKubeconfig(0); err != nil {
		return err
	}
	if !e.options.PlainHTTP {
		files, err := e.certificate()
		if err != nil {
			return err
		}
		e.manager.certificate, e.CAFile = &files, files.Cert
	}
	e.manager.port, e.manager.log, e.manager.flags = e.options.Port, io.Writer(e.log), e.options.Flags
	if e.options.Access {
		e.manager.flags = append([]string{"--access"}, e.manager.flags...)
	}
	e.manager.profile = e.options.Profile
	if e.Manager, err = startManager(ctx, e.manager); err != nil {
		return err
	}
	e.BaseURL = e.Manager.URL
	e.manager.port, e.manager.publicURL = 0, e.BaseURL
	return os.WriteFile(e.path(portFile), []byte(strconv.Itoa(e.Manager.port)+"\n"), 0o600)
}

func (e *Environment) certificate() (selfsigned.Certificate, error) {
	files := selfsigned.Files(e.options.Dir)
	if e.options.Keep && exists(files.Cert) && exists(files.Key) {
		return files, nil
	}
	return selfsigned.Write(e.options.Dir, time.Now())
}

// operatorKubeconfig writes the kubeconfig of a replica and returns its path.
func (e *Environment) operatorKubeconfig(replica int) (string, error) {
	config := rest.CopyConfig(e.operator)
	if e.options.Via != nil {
		via, err := e.options.Via(replica, config.Host)
		if err != nil {
			return "", err
		}
		config.Host = via
	}
	path := e.path(fmt.Sprintf("operator-%d.kubeconfig", replica))
	return path, e.writeKubeconfig(path, config)
}

// AddManager starts another replica, which has the public URL of the first.
func (e *Environment) AddManager(ctx context.Context) (*Manager, error) {
	o := e.manager
	var err error
	if o.kubeconfig, err = e.operatorKubeconfig(1 + len(e.others)); err != nil {
		return nil, err
	}
	m, err := startManager(ctx, o)
	if err == nil {
		e.others = append(e.others, m)
	}
	return m, err
}

// AddOperator starts another operator: one that has an identity, flags and a public URL of its own.
func (e *Environment) AddOperator(ctx context.Context, identity *rest.Config, flags ...string) (*Manager, error) {
	o := e.manager
	o.flags, o.publicURL = flags, ""
	o.kubeconfig = e.path(fmt.Sprintf("operator-%d.kubeconfig", 1+len(e.others)))
	if err := e.writeKubeconfig(o.kubeconfig, identity); err != nil {
		return nil, err
	}
	m, err := startManager(ctx, o)
	if err == nil {
		e.others = append(e.others, m)
	}
	return m, err
}

// RestartManager starts the first replica again after it was killed or stopped, on its old port.
func (e *Environment) RestartManager(ctx context.Context) error {
	_, err := e.Restart(ctx, e.Manager)
	return err
}

// Restart starts a replica again after it was killed or stopped, on its old port. Not for use by several
// at a time.
func (e *Environment) Restart(ctx context.Context, old *Manager) (*Manager, error) {
	again := old.options
	again.port = old.port
	m, err := startManager(ctx, again)
	if err != nil {
		return nil, err
	}
	if old == e.Manager {
		e.Manager = m
	}
	for i := range e.others {
		if e.others[i] == old {
			e.others[i] = m
		}
	}
	return m, nil
}

// Stop ends everything that was started, in the opposite order.
func (e *Environment) Stop() error {
	var failures []error
	for _, m := range append(e.others, e.Manager) {
		if m != nil {
			failures = append(failures, m.Stop())
		}
	}
	if e.ControlPlane != nil {
		failures = append(failures, e.ControlPlane.Stop())
	}
	if e.Issuer != nil {
		failures = append(failures, e.Issuer.Stop())
	}
	if e.log != nil {
		failures = append(failures, e.log.Close())
	}
	return errors.Join(failures...)
}

// IssuerVariable is the variable with the folder of the issuer's key, for oidcissuer.Open.
const IssuerVariable = "OIDC_ISSUER_DIR"

// Variables returns what a person or a program in another process needs, as variables of a shell.
func (e *Environment) Variables() [][2]string {
	variables := [][2]string{
		{"KUBECONFIG", e.Kubeconfig},
		{"SCIM_BASE_URL", e.BaseURL},
		{"SCIM_TOKEN", e.Token},
		{"SCIM_CA_FILE", e.CAFile},
		{"CLOUDSSO_NAMESPACE", e.Namespace},
	}
	if e.Issuer != nil {
		variables = append(variables, [2]string{"OIDC_KUBECONFIG", e.UserKubeconfig}, [2]string{IssuerVariable, e.Issuer.Dir})
	}
	return variables
}

// LogFile returns the path of the file to which the managers write their logs.
func (e *Environment) LogFile() string { return e.path("manager.log") }

// LogFiles returns the paths of all log files.
func (e *Environment) LogFiles() []string {
	return append(controlplane.LogFiles(e.options.Dir), e.LogFile())
}

func (e *Environment) path(name string) string { return filepath.Join(e.options.Dir, name) }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
