package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client/config"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// informerCommand makes this program the baseline of the manager's start: it reads all users into an informer's cache,
// without managedFields, and ends.
const informerCommand = "informer"

// syncBareInformer returns how long a process takes to start and fill such a cache, in seconds.
func (s *stack) syncBareInformer(ctx context.Context) (float64, error) {
	content, err := s.ControlPlane.Kubeconfig(s.operator)
	if err != nil {
		return 0, err
	}
	kubeconfig := filepath.Join(filepath.Dir(s.CAFile), "informer.kubeconfig")
	if err := os.WriteFile(kubeconfig, content, 0o600); err != nil {
		return 0, err
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	command := exec.CommandContext(ctx, self, informerCommand)
	command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	command.Stderr = os.Stderr
	began := time.Now()
	err = command.Run()
	return time.Since(began).Seconds(), err
}

func syncInformer(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return err
	}
	cluster, err := config.GetConfig()
	if err != nil {
		return err
	}
	cluster.QPS = -1
	c, err := cache.New(cluster, cache.Options{Scheme: scheme, DefaultTransform: cache.TransformStripManagedFields()})
	if err != nil {
		return err
	}
	if _, err := c.GetInformer(ctx, &v1alpha1.CloudSSOUser{}, cache.BlockUntilSynced(false)); err != nil {
		return err
	}
	go func() { _ = c.Start(ctx) }() // it ends with ctx
	if !c.WaitForCacheSync(ctx) {
		return errors.New("the informer did not sync")
	}
	return nil
}
