package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
	"github.com/cloudsso/cloudsso-operator/test/load"
)

// size names a stack by the size of its directory.
type size string

const (
	small size = "small" // smallUsers
	large size = "large" // as many as -users says
)

const (
	smallUsers = 1000
	// manyWorkers is the number of workers where the table says "16 workers".
	manyWorkers = 16
	// rawNamespace is the directory that the baseline writes to. It is synchronized like the other, so that admission
	// and controllers do the same for both.
	rawNamespace = "raw"
	// leaseDuration is longer than the default: the API server shares the machine with the load, and may be too busy to
	// renew a lease. Without a leader no status is written.
	leaseDuration = 30 * time.Second
	// featureGates switch off the API server's comparison of its cache with etcd: every five minutes or so it reads all
	// users from etcd, which takes eight seconds of a processor at 100,000 of them, and would fall into one round and
	// not into the next.
	featureGates = "DetectCacheInconsistency=false"
)

// unlimited is a rate limit that no load here reaches: the figures are about what the service can do, and not about
// what it permits.
var unlimited = v1alpha1.RateLimit{RequestsPerSecond: 1_000_000, Burst: 1_000_000}

// stack is a control plane with its operator and its clients.
type stack struct {
	*quickstart.Environment
	size     size
	scim     *load.Client
	operator *rest.Config
	raw      client.WithWatch // with the operator's identity, without a rate limit
	template userTemplate

	seeded       []string // ids of the seeded users, by number
	seededGroups []string // ids of the seeded groups, by number
	directories  []*directory
	doorsOpen    bool // the assignments exist
	users        atomic.Int64
	tags         atomic.Int64
}

// start starts the stacks that the measurements need, at the same time: most of it is waiting.
func (b *bench) start(ctx context.Context, selected []measurement) error {
	b.stacks = map[size]*stack{}
	var needed []size
	for _, m := range selected {
		needed = append(needed, m.needs...)
	}
	slices.Sort(needed)
	needed = slices.Compact(needed)
	b.progress("starting a control plane and the operator for each of: %v", needed)
	stacks, failures := make([]*stack, len(needed)), make([]error, len(needed))
	var all sync.WaitGroup
	for i, size := range needed {
		all.Go(func() { stacks[i], failures[i] = b.startStack(ctx, size) })
	}
	all.Wait()
	for i, size := range needed {
		if stacks[i] != nil {
			b.stacks[size] = stacks[i]
		}
	}
	return errors.Join(failures...)
}

func (b *bench) startStack(ctx context.Context, size size) (*stack, error) {
	environment, err := quickstart.Start(ctx, quickstart.Options{
		Dir: filepath.Join(b.dir, string(size)), FeatureGates: featureGates, RateLimit: &unlimited, Profile: b.profiles != "",
		Access: size == opened,
		Flags:  []string{"--leader-lease-duration=" + leaseDuration.String(), "--max-request-rate=0"},
	})
	if err != nil {
		return nil, fmt.Errorf("starting the %s stack: %w", size, err)
	}
	s := &stack{Environment: environment, size: size}
	if err := s.connect(ctx); err != nil {
		return nil, errors.Join(err, environment.Stop())
	}
	return s, nil
}

func (s *stack) connect(ctx context.Context) (err error) {
	if s.scim, err = s.connectTo(s.BaseURL); err != nil {
		return err
	}
	if s.operator, err = s.ControlPlane.Operator(ctx); err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return err
	}
	if s.raw, err = client.NewWithWatch(s.operator, client.Options{Scheme: scheme}); err != nil {
		return err
	}
	if err := s.permitRemovals(ctx); err != nil {
		return err
	}
	if err := s.createDirectory(ctx, rawNamespace); err != nil {
		return err
	}
	s.template, err = s.createTemplate(ctx)
	return err
}

// permitRemovals lets the operator's account delete users. The operator never does, but the policies let no other account
// remove the users that a measurement has created.
func (s *stack) permitRemovals(ctx context.Context) error {
	name := metav1.ObjectMeta{Name: "bench-removals"}
	return errors.Join(
		s.Admin.Create(ctx, &rbacv1.ClusterRole{ObjectMeta: name, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"cloudssousers"}, Verbs: []string{"delete"}},
		}}),
		s.Admin.Create(ctx, &rbacv1.ClusterRoleBinding{
			ObjectMeta: name,
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name.Name},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: controlplane.SystemNamespace, Name: controlplane.OperatorServiceAccount}},
		}))
}

// createDirectory creates a namespace whose directory is synchronized.
func (s *stack) createDirectory(ctx context.Context, namespace string) error {
	if err := s.Admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		return err
	}
	return s.Admin.Create(ctx, &v1alpha1.CloudSSODirectory{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.DirectoryName},
		Spec:       v1alpha1.CloudSSODirectorySpec{SCIMSynchronization: v1alpha1.SynchronizationEnabled, RateLimit: &unlimited},
	})
}

// connectTo returns a client of one of the stack's replicas.
func (s *stack) connectTo(url string) (*load.Client, error) {
	return load.NewClient(load.Options{BaseURL: url, Token: s.Token, CAFile: s.CAFile, Connections: manyWorkers})
}

// apiServerURL returns the URL of a path at the API server.
func (s *stack) apiServerURL(path string) string {
	return strings.TrimSuffix(s.operator.Host, "/") + path
}

// anyStack returns one of the stacks.
func (b *bench) anyStack() *stack {
	for _, s := range b.stacks {
		return s
	}
	return nil
}

func (b *bench) stop() {
	for size, s := range b.stacks {
		if err := s.Stop(); err != nil {
			fmt.Fprintf(os.Stderr, "stopping the %s stack: %v\n", size, err)
		}
	}
	for size := range b.stacks { // gigabytes that the next run does not read
		_ = os.RemoveAll(filepath.Join(b.dir, string(size), "etcd"))
	}
}

// newTag returns the tag of a new user.
func (s *stack) newTag() string { return fmt.Sprintf("x%08d", s.tags.Add(1)) }
