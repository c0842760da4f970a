package credential

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
	"github.com/cloudsso/cloudsso-operator/internal/usage"
)

const (
	// rotateTimeout is how long the provider may take by default: as long as a person needs to enter a token, and the
	// provider to send its next request.
	rotateTimeout = time.Hour
	// minQuietTime is the least quiet time: in less, uses of the old token may not be written yet.
	minQuietTime = usage.Resolution
	// rotateInterval is how often the credentials are looked at.
	rotateInterval = 2 * time.Second
)

// rotation is a credential on its way to its successor.
type rotation struct {
	plugin   *plugin.Plugin
	client   client.Client
	old, new v1alpha1.SCIMCredential
	oldGone  bool // another person has deleted old
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
			"provider has used the new token, and has not used the old one for two minutes, and has used the new one again after\n" +
			"these. Then it asks whether the provider has saved the new token, and revokes the old credential. Until then both\n" +
			"tokens are accepted. If the time is over before, or you press Ctrl-C, both stay. With --yes it does not ask: don't\n" +
			"use the new token for a test then, because the use of a test and of the provider look the same.\n\n" +
			"The new credential has the description and the networks of the old one. Its name is that of the old one with the\n" +
			"fingerprint of its own token. The operator writes the last use of a credential within a minute.",
		Example: "  kubectl cloudsso credential rotate okta -n acme",
		Args:    cobra.ExactArgs(1),

		ValidArgsFunction: p.CompleteCredential,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := errors.Join(s.validate(), r.validate()); err != nil {
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
	s.addFlags(cmd.Flags(), "; that of the old one if absent", "; those of the old one if absent")
	cmd.Flags().DurationVar(&r.timeout, "timeout", rotateTimeout, "how long to wait until the provider uses the new token")
	cmd.Flags().DurationVar(&r.quiet, "quiet-time", plugin.QuietTime, "how long the old token must be unused while the new one is used; at least a minute")
	plugin.AddYesFlag(cmd.Flags(), &yes)
	return cmd
}

func (r *rotation) validate() error {
	if r.quiet < minQuietTime {
		return fmt.Errorf("--quiet-time %s is too short: the operator writes a use up to %s late, so give at least that", policy.ShortDuration(r.quiet), policy.ShortDuration(minQuietTime))
	}
	if r.timeout <= r.quiet {
		return fmt.Errorf("--timeout %s is over before --quiet-time %s: give a longer time", policy.ShortDuration(r.timeout), policy.ShortDuration(r.quiet))
	}
	return nil
}

func (r *rotation) run(ctx context.Context, s settings, yes bool) error {
	p, namespace := r.plugin, r.old.Namespace
	if err := plugin.NeedFreeSlot(ctx, r.client, namespace); err != nil {
		return err
	}
	p.WarnIfTracked(&r.old)
	if err := p.Confirm(ctx, yes, fmt.Sprintf("This creates another credential, and deletes %s/%s when the identity provider uses the new token; %s.", namespace, r.old.Name, plugin.LastUse(&r.old))); err != nil {
		return err
	}
	created, err := mint(ctx, p, r.client, plugin.NewCredential{
		Namespace: namespace,
		NameOf:    func(hash auth.TokenHash) string { return plugin.SuccessorName(&r.old, hash) },
		Spec:      s.newSpec(p.Now(), r.old.Spec),
	})
	if err != nil {
		return err
	}
	r.new = *created
	switch err := waitUsable(ctx, r.client, &r.new); {
	case errors.Is(err, errNotAccepted):
		return fmt.Errorf("%w; credential %s stays as it is, and %s was created: if you don't need it, kubectl cloudsso credential revoke %s -n %s", err, r.old.Name, r.new.Name, r.new.Name, namespace)
	case err != nil:
		p.Warn(err)
	}
	fmt.Fprintf(p.ErrOut, "Enter it in the identity provider. Waiting at most %s until it is used; %s stays valid.\n", policy.ShortDuration(r.timeout), r.old.Name)
	if err := r.waitMoved(ctx); err != nil {
		return err
	}
	return r.revokeOld(ctx, yes)
}

// revokeOld deletes the old credential, if the person says that the provider has saved the new token: its uses may be those
// of a test.
func (r *rotation) revokeOld(ctx context.Context, yes bool) error {
	p := r.plugin
	if r.oldGone {
		fmt.Fprintf(p.ErrOut, "The provider uses %s. scimcredential %s/%s was revoked already.\n", r.new.Name, r.old.Namespace, r.old.Name)
		return nil
	}
	if err := p.Confirm(ctx, yes, fmt.Sprintf("The token of %s is used, and that of %s is not any more. Is the new token saved in the identity provider? This deletes %s.", r.new.Name, r.old.Name, r.old.Name)); err != nil {
		return fmt.Errorf("%s was not revoked. %s", r.old.Name, r.bothStay())
	}
	if err := plugin.RevokeCredential(ctx, r.client, &r.old); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("revoking %s: %w. %s", r.old.Name, err, r.bothStay())
	}
	fmt.Fprintf(p.ErrOut, "The provider uses %s. scimcredential %s/%s revoked.\n", r.new.Name, r.old.Namespace, r.old.Name)
	return nil
}

// bothStay says what to do with two credentials.
func (r *rotation) bothStay() string {
	return fmt.Sprintf("%s and %s stay. When the provider has moved: kubectl cloudsso credential revoke %s -n %s. To go back: kubectl cloudsso credential revoke %s -n %s",
		r.new.Name, r.old.Name, r.old.Name, r.old.Namespace, r.new.Name, r.new.Namespace)
}

// waitMoved waits until the provider uses the new token alone.
func (r *rotation) waitMoved(ctx context.Context) error {
	var m plugin.Move
	told := false
	err := wait.PollUntilContextTimeout(ctx, rotateInterval, r.timeout, true, func(ctx context.Context) (bool, error) {
		if err := r.read(ctx); err != nil {
			if plugin.IsFinal(err) {
				return false, err
			}
			return false, nil // the next look may succeed: the API server may be restarting
		}
		if r.oldGone {
			return !r.new.Status.LastUsedTime.IsZero(), nil
		}
		if !told && !r.new.Status.LastUsedTime.IsZero() {
			told = true
			fmt.Fprintf(r.plugin.ErrOut, "The token of %s is used. Waiting until that of %s was not used for %s, and the new one was used again.\n", r.new.Name, r.old.Name, policy.ShortDuration(r.quiet))
		}
		now := r.plugin.Now()
		m.Observe(&r.old, &r.new, now)
		return m.IsOver(&r.new, r.quiet, now), nil
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fmt.Errorf("the identity provider has not moved to the new token: of %s: %s; of %s: %s. %s",
			r.new.Name, plugin.LastUse(&r.new), r.old.Name, plugin.LastUse(&r.old), r.bothStay())
	}
	return fmt.Errorf("waiting until %s is used: %w. Nothing was revoked: %s", r.new.Name, err, r.bothStay())
}

// read reads both credentials again, and notes if the old one does not exist any more.
func (r *rotation) read(ctx context.Context) error {
	if err := plugin.RereadCredential(ctx, r.client, &r.new); err != nil {
		return err
	}
	if r.oldGone {
		return nil
	}
	err := plugin.RereadCredential(ctx, r.client, &r.old)
	if r.oldGone = apierrors.IsNotFound(err); r.oldGone {
		return nil
	}
	return err
}
