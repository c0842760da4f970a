package group

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/membership"
	"github.com/cloudsso/cloudsso-operator/internal/objects"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// roll is a group's members, parted by what has become of them.
type roll struct {
	present  int32    // that exist and have not departed
	departed []string // deprovisioned, on their way out, or gone: they have to leave
	unknown  []string // that name nobody, and may stay
}

func (r *Reconciler) callRoll(ctx context.Context, g *v1alpha1.CloudSSOGroup) (called roll, err error) {
	position, err := objects.SwitchOf(ctx, r.Client, g.Namespace)
	if err != nil {
		return roll{}, err
	}
	for _, m := range g.Spec.Members {
		u := &v1alpha1.CloudSSOUser{}
		err := r.Get(ctx, client.ObjectKey{Namespace: g.Namespace, Name: m.Name}, u)
		if client.IgnoreNotFound(err) != nil {
			return roll{}, fmt.Errorf("reading member %s of CloudSSOGroup %s/%s: %w", m.Name, g.Namespace, g.Name, err)
		}
		switch {
		case err != nil && policy.ExpelsUnknown(g, position):
			called.departed = append(called.departed, m.Name)
		case err != nil:
			called.unknown = append(called.unknown, m.Name)
		case policy.HasDeparted(u):
			called.departed = append(called.departed, m.Name)
		default:
			called.present++
		}
	}
	return called, nil
}

// removeDeparted takes out members that were added while they left; their own controller takes out those
// that it finds.
func (r *Reconciler) removeDeparted(ctx context.Context, g *v1alpha1.CloudSSOGroup, departed []string) error {
	removed, err := membership.Writer{Client: r.Client, Live: r.Live, Now: r.Now}.RemoveDeparted(ctx, g, departed...)
	if err != nil {
		return fmt.Errorf("taking departed members out of CloudSSOGroup %s/%s: %w", g.Namespace, g.Name, err)
	}
	if len(removed) > 0 {
		objects.Emit(r.Events, g, objects.Normal(eventMembersDeparted, "Remove", "members taken out, for they were deprovisioned or deleted: "+objects.Listed(removed)))
	}
	return nil
}
