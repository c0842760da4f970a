// Package plugin holds what the verbs of kubectl cloudsso have in common: the cluster, the namespace and the streams.
package plugin

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/pflag"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/cli-runtime/pkg/printers"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// Plugin is what each verb gets.
type Plugin struct {
	genericiooptions.IOStreams
	// Now is the clock.
	Now func() time.Time
	// Random is the source of new tokens: a cryptographic one.
	Random io.Reader
	// AtTerminal says that a person can answer questions, because In is a terminal.
	AtTerminal bool
	// ShowsProgress says that a person sees ErrOut, because it is a terminal.
	ShowsProgress bool

	config *genericclioptions.ConfigFlags
}

// New returns a Plugin that reads from the cluster that the flags and the kubeconfig name.
func New(streams genericiooptions.IOStreams) *Plugin {
	return &Plugin{
		IOStreams:  streams,
		Now:        time.Now,
		Random:     rand.Reader,
		AtTerminal: printers.IsTerminal(streams.In),
		config:     genericclioptions.NewConfigFlags(true),

		ShowsProgress: printers.IsTerminal(streams.ErrOut),
	}
}

// AddFlags adds the flags that every kubectl command has: the namespace, the kubeconfig, the context.
func (p *Plugin) AddFlags(flags *pflag.FlagSet) { p.config.AddFlags(flags) }

// The client's rate, which are kubectl's own figures: the API server's priority and fairness limits a person, not this.
const (
	clientQPS   = 50
	clientBurst = 300
)

// Connect returns a client of the cluster, which acts as the person who runs the command, and the namespace that the command
// is about: that of --namespace, or of the kubeconfig's context.
func (p *Plugin) Connect() (c client.Client, namespace string, err error) {
	config, namespace, err := p.restConfig()
	if err != nil {
		return nil, "", err
	}
	c, err = ConnectWith(config)
	return c, namespace, err
}

// ConnectUnlimited is Connect for a command that writes a whole directory: at kubectl's rate 100,000 objects take half an hour.
// The API server's priority and fairness limits it.
func (p *Plugin) ConnectUnlimited() (c client.Client, namespace string, err error) {
	config, namespace, err := p.restConfig()
	if err != nil {
		return nil, "", err
	}
	config.QPS = -1
	c, err = ConnectWith(config)
	return c, namespace, err
}

// ConnectConsole is ConnectUnlimited for the pages of the console, whose parallel reads belong to one person. It returns the
// client's configuration too.
func (p *Plugin) ConnectConsole() (c client.Client, config *rest.Config, namespace string, err error) {
	if config, namespace, err = p.restConfig(); err != nil {
		return nil, nil, "", err
	}
	config.QPS = -1
	c, err = ConnectWith(config)
	return c, config, namespace, err
}

// ConnectPods returns a client of Pods and their logs, which acts as the person who runs the command.
func (p *Plugin) ConnectPods() (corev1client.PodsGetter, error) {
	config, _, err := p.restConfig()
	if err != nil {
		return nil, err
	}
	return corev1client.NewForConfig(config)
}

// ConnectWith returns a client of what the verbs read and write.
func ConnectWith(config *rest.Config) (client.Client, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	return client.New(config, client.Options{Scheme: scheme})
}

// newScheme returns the kinds that the verbs read and write.
func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	return scheme, errors.Join(corev1.AddToScheme(scheme), v1alpha1.AddToScheme(scheme), rbacv1.AddToScheme(scheme),
		authenticationv1.AddToScheme(scheme), authorizationv1.AddToScheme(scheme))
}

func (p *Plugin) restConfig() (config *rest.Config, namespace string, err error) {
	if namespace, _, err = p.config.ToRawKubeConfigLoader().Namespace(); err != nil {
		return nil, "", err
	}
	if config, err = p.config.ToRESTConfig(); err != nil {
		return nil, "", err
	}
	config.UserAgent = FieldManager
	config.QPS, config.Burst = clientQPS, clientBurst
	return config, namespace, nil
}

// pageSize is how many objects are asked for at once: kubectl's own.
const pageSize = 500

// List reads all objects into the list, in pages. what is what the error calls them.
func List(ctx context.Context, c client.Client, list client.ObjectList, what string, options ...client.ListOption) error {
	var items []runtime.Object
	for next := ""; ; {
		if err := c.List(ctx, list, append(options, client.Limit(pageSize), client.Continue(next))...); err != nil {
			return explained(err, what)
		}
		page, err := meta.ExtractList(list)
		if err != nil {
			return err
		}
		items = append(items, page...)
		if next = list.GetContinue(); next == "" {
			return meta.SetList(list, items)
		}
	}
}

// explained returns the error of a list, with what to do if the person lacks a right; nil for nil.
func explained(err error, what string) error {
	if err == nil {
		return nil
	}
	if apierrors.IsForbidden(err) {
		return fmt.Errorf("reading %s: %w; docs/access-review.md lists the rights that this needs", what, err)
	}
	return fmt.Errorf("reading %s: %w", what, err)
}
