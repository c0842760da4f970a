package controlplane

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// probe sends a dry-run request that the policies refuse as soon as they are in force: it creates a synchronized user
// while synchronization is Enabled.
type probe struct {
	client client.Client
	last   error // of the last request; nil if it was accepted
}

// probeNamespace is the namespace of the request.
const probeNamespace = SystemNamespace

func (cp *ControlPlane) newProbe(ctx context.Context) (*probe, error) {
	person, err := cp.ClusterAdmin(ctx, "local-probe")
	if err != nil {
		return nil, err
	}
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	c, err := client.New(person, client.Options{Scheme: scheme})
	if err != nil {
		return nil, err
	}
	err = c.Create(ctx, probeDirectory())
	if apierrors.IsAlreadyExists(err) { // an interrupted start has left it
		err = nil
	}
	if err != nil {
		return nil, err
	}
	return &probe{client: c}, Activate(ctx, c, probeNamespace)
}

func probeDirectory() *v1alpha1.CloudSSODirectory {
	return &v1alpha1.CloudSSODirectory{
		ObjectMeta: metav1.ObjectMeta{Namespace: probeNamespace, Name: v1alpha1.DirectoryName},
		Spec:       v1alpha1.CloudSSODirectorySpec{SCIMSynchronization: v1alpha1.SynchronizationEnabled},
	}
}

// refused reports whether the policies refuse the request, as a wait.ConditionWithContextFunc.
func (p *probe) refused(ctx context.Context) (bool, error) {
	p.last = p.client.Create(ctx, &v1alpha1.CloudSSOUser{
		ObjectMeta: metav1.ObjectMeta{Namespace: probeNamespace, Name: "probe"},
		Spec:       v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceSCIM, UserName: "probe"},
	}, client.DryRunAll)
	if p.last == nil {
		return false, nil
	}
	return apierrors.IsForbidden(p.last), nil
}

// remove deletes the probe's directory.
func (p *probe) remove(ctx context.Context) error {
	d := probeDirectory()
	off := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"scimSynchronization":"Disabled"}}`))
	return errors.Join(p.client.Patch(ctx, d, off), client.IgnoreNotFound(p.client.Delete(ctx, probeDirectory())))
}
