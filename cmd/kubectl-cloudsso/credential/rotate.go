package credential

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
)

const (
	// rotateTimeout is how long the provider may take by default: as long as a person needs to enter a token, and the
	// provider to send its next request.
	rotateTimeout = time.Hour
	// quietTime is how long the old token must be unused after the first use of the new one: the operator writes a use up to a
	// minute late.
	quietTime = 2 * time.Minute
	// rotateInterval is how often the credentials are looked at.
	rotateInterval = 2 * time.Second
)

// rotation is a credential on its way to its successor.
type rotation struct {
	plugin   *plugin.Plugin
	client   client.Client
	old, new v1alpha1.SCIMCredential
	timeout  time.Duration
	quiet    time.Duration
}

func newRotate(p *plugin.Plugin) *cobra.Command {
	var s settings
	var yes bool
	r := rotation{plugin: p}
	cmd := &cobra.Command{
		Use:   "rotate NAME",
		Short: "Replace a credential: create another, wait until the provider uses it, and revoke the old one",
		Long: "Creates another credential and prints its token, as credential create does. Then it waits until the identity\n" +
			"provider has used the new token, and has not used the old one for two minutes since. Only then it revokes the old\n" +
			"credential. Until then both tokens are accepted. If the time is over before, or you press Ctrl-C, both stay.\n\n" +
			"The new credential has the description and the networks of the old one. Its name is that of the old one with the\n" +
			"fingerprint of its own token. The operator writes the last use of a credential within a minute.",
		Example: "  kubectl cloudsso credential rotate okta -n acme",
		Args:    cobra.ExactArgs(1),

		ValidArgsFunction: p.CompleteCredential,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := s.validate(); err != nil {
				return err
			}
			c, namespace, err := p.Connect()
			if err != nil {
				return err
			}
			r.client = c
			if err := c.Get(cmd.Context(), client.ObjectKey{Namespace: namespace, Name: args[0]}, &r.old); err != nil {
				return err
			}
			return r.run(cmd.Context(), s, yes)
		},
	}
	s.addFlags(cmd.Flags())
	cmd.Flags().DurationVar(&r.timeout, "timeout", rotateTimeout, "how long to wait until the provider uses the new token")
	cmd.Flags().DurationVar(&r.quiet, "quiet-time", quietTime, "how long the old token must be unused after the first use of the new one")
	plugin.AddYesFlag(cmd.Flags(), &yes)
	return cmd
}

func (r *rotation) run(ctx context.Context, s settings, yes bool) error {
	p, namespace := r.plugin, r.old.Namespace
	if err := needFreeSlot(ctx, r.client, namespace); err != nil {
		return err
	}
	p.WarnIfTracked(&r.old)
	if err := p.Confirm(ctx, yes, fmt.Sprintf("This creates another credential, and deletes %s/%s when the identity provider uses the new token; %s.", namespace, r.old.Name, lastUse(&r.old))); err != nil {
		return err
	}
	created, err := mint(ctx, p, r.client, namespace,
		func(hash auth.TokenHash) string { return successorName(&r.old, hash) },
		func(hash auth.TokenHash) v1alpha1.SCIMCredentialSpec { return s.newSpec(hash, p.Now(), r.old.Spec) })
	if err != nil {
		return err
	}
	r.new = *created
	if reason := waitUsable(ctx, r.client, &r.new); reason != "" {
		return fmt.Errorf("%s; credential %s stays as it is", reason, r.old.Name)
	}
	fmt.Fprintf(p.ErrOut, "Enter it in the identity provider. Waiting at most %s until it is used; %s stays valid.\n", r.timeout, r.old.Name)
	if err := r.waitMoved(ctx); err != nil {
		return err
	}
	if err := remove(ctx, r.client, &r.old); client.IgnoreNotFound(err) != nil {
		return err
	}
	fmt.Fprintf(p.ErrOut, "The provider uses %s. scimcredential %s/%s revoked.\n", r.new.Name, namespace, r.old.Name)
	return nil
}

// waitMoved waits until the provider uses the new token alone.
func (r *rotation) waitMoved(ctx context.Context) error {
	var m move
	err := wait.PollUntilContextTimeout(ctx, rotateInterval, r.timeout, true, func(ctx context.Context) (bool, error) {
		for _, c := range []*v1alpha1.SCIMCredential{&r.new, &r.old} {
			if err := r.client.Get(ctx, client.ObjectKeyFromObject(c), c); isFinal(err) {
				return false, err
			} else if err != nil {
				return false, nil // the next look may succeed: the API server may be restarting
			}
		}
		now := r.plugin.Now()
		m.observe(&r.old, &r.new, now)
		return m.isOver(r.quiet, now), nil
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fmt.Errorf("the identity provider has not moved to the new token: of %s: %s; of %s: %s. Both are accepted. When it has moved: kubectl cloudsso credential revoke %s -n %s",
			r.new.Name, lastUse(&r.new), r.old.Name, lastUse(&r.old), r.old.Name, r.old.Namespace)
	}
	return fmt.Errorf("waiting for the first use of %s: %w; nothing was revoked", r.new.Name, err)
}

// isFinal reports whether an error of a read stays if the read is repeated.
func isFinal(err error) bool {
	return apierrors.IsNotFound(err) || apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err)
}

// move is what is known of a provider that goes from one credential to its successor.
type move struct {
	oldUse     *metav1.Time
	quietSince time.Time // since when only the new token is used; zero before its first use
}

// observe notes the last uses of both credentials, as they are read now. A new use of the old one starts the time again.
func (m *move) observe(old, successor *v1alpha1.SCIMCredential, now time.Time) {
	oldUse := old.Status.LastUsedTime
	if !successor.Status.LastUsedTime.IsZero() && (m.quietSince.IsZero() || !oldUse.Equal(m.oldUse)) {
		m.quietSince = now
	}
	m.oldUse = oldUse
}

// isOver reports whether only the new token was used for some time.
func (m *move) isOver(quiet time.Duration, now time.Time) bool {
	return !m.quietSince.IsZero() && now.Sub(m.quietSince) >= quiet
}

// successorName returns the name of the credential that replaces another: the same, with the fingerprint of its own token.
func successorName(old *v1alpha1.SCIMCredential, hash auth.TokenHash) string {
	base := strings.TrimSuffix(old.Name, "-"+auth.ParseTokenHash(old.Spec.TokenHash).Fingerprint())
	return base + "-" + hash.Fingerprint()
}
