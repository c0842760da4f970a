package controlplane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// SystemNamespace is the operator's own namespace.
	SystemNamespace = "cloudsso-system"
	// fieldOwner is the field manager of the applied manifests.
	fieldOwner = "cloudsso-install"
	// inForceTimeout is how long policies may take to be in force. For about half a minute after its start, an
	// API server cannot evaluate a policy whose parameter is a custom resource.
	inForceTimeout  = 90 * time.Second
	inForceInterval = 20 * time.Millisecond
)

// install applies the operator's manifests, without its Deployment.
func (cp *ControlPlane) install(ctx context.Context) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: SystemNamespace}}
	if err := cp.client.Create(ctx, namespace); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("creating namespace %s: %w", SystemNamespace, err)
	}
	for _, folder := range []string{"rbac", "policy"} {
		if err := cp.applyFolder(ctx, filepath.Join(cp.root, "config", folder)); err != nil {
			return err
		}
	}
	return nil
}

// Apply applies an optional folder of config, such as flow-control.
func (cp *ControlPlane) Apply(ctx context.Context, folder string) error {
	return cp.applyFolder(ctx, filepath.Join(cp.root, "config", folder))
}

func (cp *ControlPlane) applyFolder(ctx context.Context, folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if filepath.Base(file) == "kustomization.yaml" {
			continue
		}
		if err := cp.applyFile(ctx, file); err != nil {
			return fmt.Errorf("applying %s: %w", file, err)
		}
	}
	return nil
}

func (cp *ControlPlane) applyFile(ctx context.Context, file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), len(content)+1); ; {
		o := &unstructured.Unstructured{}
		if err := decoder.Decode(o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if len(o.Object) == 0 {
			continue
		}
		if err := cp.apply(ctx, o); err != nil {
			return fmt.Errorf("%s %s: %w", o.GetKind(), o.GetName(), err)
		}
	}
}

func (cp *ControlPlane) apply(ctx context.Context, o *unstructured.Unstructured) error {
	namespaced, err := cp.client.IsObjectNamespaced(o)
	if err != nil {
		return err
	}
	if namespaced && o.GetNamespace() == "" {
		o.SetNamespace(SystemNamespace)
	}
	write := func() error {
		return cp.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(o.DeepCopy()), client.FieldOwner(fieldOwner), client.ForceOwnership)
	}
	err = write()
	if apierrors.IsInvalid(err) && o.GetKind() == "ClusterRoleBinding" {
		// Kept data may have a binding to another role, and the role of a binding cannot be changed.
		err = errors.Join(cp.client.Delete(ctx, o.DeepCopy()), write())
	}
	return err
}

// AwaitPolicies waits until the admission policies are in force, about half a minute after the start of an API server.
// Until then the deletion guard refuses every deletion of a user or a group, including the operator's.
func (cp *ControlPlane) AwaitPolicies(ctx context.Context) error {
	probe, err := cp.newProbe(ctx)
	if err != nil {
		return fmt.Errorf("preparing a request that the policies refuse: %w", err)
	}
	err = wait.PollUntilContextTimeout(ctx, inForceInterval, inForceTimeout, true, probe.refused)
	if err != nil {
		return fmt.Errorf("the admission policies are not in force: %w", errors.Join(err, probe.last))
	}
	return probe.remove(context.WithoutCancel(ctx))
}
