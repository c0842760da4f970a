package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// Options configure a control plane. With the zero value, Stop removes all its files.
type Options struct {
	// AssetsDir is the folder of the binaries; by default KUBEBUILDER_ASSETS.
	AssetsDir string
	// DataDir is the folder of etcd's data, which Stop keeps; by default a temporary one.
	DataDir string
	// LogDir is the folder for the output of the processes, in etcd.log and kube-apiserver.log; by default the
	// output is discarded.
	LogDir string
	// Controllers are the controllers of kube-controller-manager to run, such as "namespace-controller" and
	// "garbage-collector-controller". By default kube-controller-manager does not run.
	Controllers []string
	// Bare starts without the operator's CRDs, roles and admission policies, for tests that install them.
	Bare bool
	// FeatureGates are kube-apiserver's, such as "DetectCacheInconsistency=false"; by default its defaults.
	FeatureGates string
	// AuthenticationConfig is the path of kube-apiserver's AuthenticationConfiguration; by default no OIDC token is
	// accepted.
	AuthenticationConfig string
}

// ControlPlane is a running control plane.
type ControlPlane struct {
	environment *envtest.Environment
	admin       *rest.Config
	client      client.Client
	manager     *controllerManager
	root        string
	certDir     string
}

// startTimeout is how long etcd and the API server may take to start, each: they take seconds, but several suites with the race
// detector may share two cores.
const startTimeout = 2 * time.Minute

// Start starts a control plane and applies the operator's manifests. The admission policies are not in force at once,
// see AwaitPolicies. If Start fails, it stops every process that it has started.
func Start(ctx context.Context, o Options) (_ *ControlPlane, err error) {
	root, err := ModuleRoot()
	if err != nil {
		return nil, err
	}
	assets, err := assetsDir(o.AssetsDir)
	if err != nil {
		return nil, err
	}
	cp := &ControlPlane{root: root, environment: &envtest.Environment{
		BinaryAssetsDirectory:    assets,
		ErrorIfCRDPathMissing:    true,
		ControlPlaneStartTimeout: startTimeout,
	}}
	if !o.Bare {
		cp.environment.CRDDirectoryPaths = []string{filepath.Join(root, "config", "crd", "bases")}
	}
	if err := cp.keepCertificates(); err != nil {
		return nil, err
	}
	if err := cp.keepData(assets, o); err != nil {
		return nil, errors.Join(err, os.RemoveAll(cp.certDir))
	}
	cp.endWatches()
	cp.configure(o)
	if cp.admin, err = cp.environment.Start(); err != nil {
		return nil, fmt.Errorf("starting etcd and kube-apiserver of %s: %w", assets, errors.Join(err, cp.Stop()))
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, cp.Stop())
		}
	}()
	unlimited(cp.admin)
	if cp.client, err = client.New(cp.admin, client.Options{}); err != nil {
		return nil, err
	}
	if !o.Bare {
		err = cp.install(ctx)
	}
	if err != nil {
		return nil, err
	}
	if len(o.Controllers) > 0 {
		cp.manager, err = startControllerManager(cp, assets, o.Controllers)
	}
	return cp, err
}

// keepData sets a folder for etcd's data that a restarted etcd uses again: DataDir, or one beside the certificates.
func (cp *ControlPlane) keepData(assets string, o Options) error {
	if o.DataDir == "" {
		o.DataDir = filepath.Join(cp.certDir, "etcd-data")
	}
	if err := os.MkdirAll(o.DataDir, 0o700); err != nil {
		return err
	}
	return cp.supervise(assets, o)
}

// keepCertificates sets a folder for the certificates, so that clients trust a restarted API server.
func (cp *ControlPlane) keepCertificates() (err error) {
	cp.certDir, err = os.MkdirTemp("", "controlplane-")
	cp.environment.ControlPlane.GetAPIServer().CertDir = cp.certDir
	return err
}

// configure sets the flags of kube-apiserver that the options name.
func (cp *ControlPlane) configure(o Options) {
	for flag, value := range map[string]string{
		"feature-gates":         o.FeatureGates,
		"authentication-config": o.AuthenticationConfig,
	} {
		if value != "" {
			cp.environment.ControlPlane.GetAPIServer().Configure().Set(flag, value)
		}
	}
}

// endWatches makes a stopping API server end the watches of its clients, such as kubectl get --watch, after a second.
func (cp *ControlPlane) endWatches() {
	cp.environment.ControlPlane.GetAPIServer().Configure().Set("shutdown-watch-termination-grace-period", "1s")
}

// Stop stops every process that Start has started.
func (cp *ControlPlane) Stop() error {
	var failures []error
	if cp.manager != nil {
		failures = append(failures, cp.manager.stop())
	}
	return errors.Join(append(failures, cp.environment.Stop(), os.RemoveAll(cp.certDir))...)
}

// RestartAPIServer stops kube-apiserver and starts it again, on the same etcd and the same port. It
// returns when the API server answers; the operator's policies are not in force yet (see config/policy).
func (cp *ControlPlane) RestartAPIServer() error {
	if err := cp.environment.ControlPlane.GetAPIServer().Stop(); err != nil {
		return fmt.Errorf("stopping kube-apiserver: %w", err)
	}
	return cp.StartAPIServer()
}

// LimitRequests restarts kube-apiserver with these limits of reading and writing requests in flight, because its defaults
// are too high for a small machine.
func (cp *ControlPlane) LimitRequests(reading, writing int) error {
	cp.environment.ControlPlane.GetAPIServer().Configure().
		Set("max-requests-inflight", strconv.Itoa(reading)).
		Set("max-mutating-requests-inflight", strconv.Itoa(writing))
	return cp.RestartAPIServer()
}

// Admin returns an identity with all rights, which the admission policies do not apply to. It is for setting up tests.
func (cp *ControlPlane) Admin() *rest.Config { return rest.CopyConfig(cp.admin) }

// Kubeconfig returns a kubeconfig file with the identity of config.
func (cp *ControlPlane) Kubeconfig(config *rest.Config) ([]byte, error) {
	return clientcmd.Write(kubeconfig(config))
}

// ModuleRoot returns the folder of the project's go.mod, which is the working directory or above it.
func ModuleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("no go.mod above %s: run this inside the project", dir)
		}
	}
}

// Kubectl returns the path of the control plane's kubectl.
func Kubectl() (string, error) {
	dir, err := assetsDir("")
	return filepath.Join(dir, "kubectl"), err
}

// assetsEnvironment is the environment variable with the folder of the binaries.
const assetsEnvironment = "KUBEBUILDER_ASSETS"

func assetsDir(dir string) (string, error) {
	if dir == "" {
		dir = os.Getenv(assetsEnvironment)
	}
	if dir == "" {
		return "", fmt.Errorf("%s is not set: it names the folder of etcd, kube-apiserver and kubectl; "+
			"use the Makefile (make run, make test), or set it to the output of hack/controlplane/assets.sh", assetsEnvironment)
	}
	return dir, nil
}

// unlimited removes the client-side rate limit.
func unlimited(config *rest.Config) { config.QPS = -1 }
