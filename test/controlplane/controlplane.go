package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// Options say how to run it. The zero value is a control plane that is gone without a trace when it stops.
type Options struct {
	// AssetsDir holds the binaries; by default KUBEBUILDER_ASSETS.
	AssetsDir string
	// DataDir keeps etcd's data beyond Stop; by default it is temporary.
	DataDir string
	// LogDir gets what etcd and kube-apiserver print, in etcd.log and kube-apiserver.log; by default it is lost.
	LogDir string
	// Controllers are those of kube-controller-manager to run, such as "namespace-controller" and
	// "garbage-collector-controller"; by default none, and no kube-controller-manager.
	Controllers []string
	// FeatureGates are those of kube-apiserver, such as "DetectCacheInconsistency=false"; by default its own.
	FeatureGates string
}

// ControlPlane is a control plane, running.
type ControlPlane struct {
	environment *envtest.Environment
	admin       *rest.Config
	client      client.Client
	manager     *controllerManager
	root        string
	certDir     string
}

// Start brings a control plane up and installs what the operator needs. The admission policies are not
// in force at once, see AwaitPolicies. When Start fails it leaves nothing running.
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
		BinaryAssetsDirectory: assets,
		CRDDirectoryPaths:     []string{filepath.Join(root, "config", "crd", "bases")},
		ErrorIfCRDPathMissing: true,
	}}
	if err := cp.keepCertificates(); err != nil {
		return nil, err
	}
	if err := cp.keepData(assets, o); err != nil {
		return nil, errors.Join(err, os.RemoveAll(cp.certDir))
	}
	cp.endWatches()
	if o.FeatureGates != "" {
		cp.environment.ControlPlane.GetAPIServer().Configure().Set("feature-gates", o.FeatureGates)
	}
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
	if err := cp.install(ctx); err != nil {
		return nil, err
	}
	if len(o.Controllers) > 0 {
		cp.manager, err = startControllerManager(cp, assets, o.Controllers)
	}
	return cp, err
}

// keepData keeps etcd's data where it is told to, or beside the certificates: a restarted etcd goes on
// with them.
func (cp *ControlPlane) keepData(assets string, o Options) error {
	if o.DataDir == "" {
		o.DataDir = filepath.Join(cp.certDir, "etcd-data")
	}
	if err := os.MkdirAll(o.DataDir, 0o700); err != nil {
		return err
	}
	return cp.supervise(assets, o)
}

// keepCertificates lets a restarted API server go on with the certificates that its clients know.
func (cp *ControlPlane) keepCertificates() (err error) {
	cp.certDir, err = os.MkdirTemp("", "controlplane-")
	cp.environment.ControlPlane.GetAPIServer().CertDir = cp.certDir
	return err
}

// endWatches lets the API server end at once though somebody still watches, as in kubectl get --watch.
func (cp *ControlPlane) endWatches() {
	cp.environment.ControlPlane.GetAPIServer().Configure().Set("shutdown-watch-termination-grace-period", "1s")
}

// Stop ends everything that Start started.
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

// LimitRequests restarts kube-apiserver with so many seats for requests that read, and for those that write. Its
// defaults are for a larger machine than most that tests run on.
func (cp *ControlPlane) LimitRequests(reading, writing int) error {
	cp.environment.ControlPlane.GetAPIServer().Configure().
		Set("max-requests-inflight", strconv.Itoa(reading)).
		Set("max-mutating-requests-inflight", strconv.Itoa(writing))
	return cp.RestartAPIServer()
}

// Admin may do everything and is bound by nothing: for setting things up.
func (cp *ControlPlane) Admin() *rest.Config { return rest.CopyConfig(cp.admin) }

// Kubeconfig is a kubeconfig file with the identity of config.
func (cp *ControlPlane) Kubeconfig(config *rest.Config) ([]byte, error) {
	return clientcmd.Write(kubeconfig(config))
}

// ModuleRoot is the folder of the project's go.mod, above the working directory.
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

// Kubectl is the path of the kubectl that comes with the control plane.
func Kubectl() (string, error) {
	dir, err := assetsDir("")
	return filepath.Join(dir, "kubectl"), err
}

// assetsEnvironment names the folder of the binaries.
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

// unlimited lets requests go without the client's own rate limit.
func unlimited(config *rest.Config) { config.QPS = -1 }
