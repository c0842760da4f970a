package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
	"github.com/cloudsso/cloudsso-operator/test/load"
)

// many is a cluster with as many directories as -directories says, of directoryUsers each.
const many size = "many"

// tenant is one of many directories.
type tenant struct {
	namespace string
	scim      *load.Client
	seeded    []string // ids of its users
}

// ofDirectories are the measurements of a cluster with many directories, beside one with one.
func (b *bench) ofDirectories() []measurement {
	figure := func(what string) string {
		return fmt.Sprintf("%s, %d directories of %d users ÷ one of %s", what, b.directories, b.directoryUsers, thousands(smallUsers))
	}
	return []measurement{
		b.sizeOfMany(),
		{
			name:  "directories-get",
			needs: []size{small, many},
			rows:  []row{{figure: figure("GET by id p50"), target: atMost(growthBound)}},
			round: b.inOneOfMany(func(t *tenant) load.Operation { return t.get }, func(s *stack) load.Operation { return s.getAny(s.scim) }),
		},
		{
			name:  "directories-post",
			needs: []size{small, many},
			rows:  []row{{figure: figure("POST p50"), target: atMost(growthBound)}},
			round: b.inOneOfMany(func(t *tenant) load.Operation { return b.stacks[many].postTo(t) }, func(s *stack) load.Operation { return s.post(&ids{}) }),
		},
		b.storm("GET", func(_ *stack, t *tenant) load.Operation { return t.get }),
		b.storm("POST", func(s *stack, t *tenant) load.Operation { return s.postTo(t) }),
		b.shards(),
	}
}

func (b *bench) inOneOfMany(ofTenant func(*tenant) load.Operation, ofSmall func(*stack) load.Operation) func(context.Context, *bench, int) ([][]float64, error) {
	return func(ctx context.Context, b *bench, round int) ([][]float64, error) {
		t := b.stacks[many].tenants[round%b.directories]
		values, err := b.beside(ctx, round, b.middle("many", ofTenant(t)), b.middle("one", ofSmall(b.stacks[small])))
		if err != nil {
			return nil, err
		}
		return one(values[0] / values[1]), errors.Join(b.stacks[many].settle(ctx), b.stacks[small].settle(ctx))
	}
}

// sizeOfMany measures what the operator is with many directories.
func (b *bench) sizeOfMany() measurement {
	return measurement{
		name:  "directories-size",
		needs: []size{many},
		rows: []row{
			{figure: fmt.Sprintf("ready with %d directories", b.directories), unit: "s"},
			{figure: "… resident memory, idle", unit: "MB"},
			{figure: "… goroutines", unit: "goroutines"},
		},
		round: func(ctx context.Context, b *bench, _ int) ([][]float64, error) {
			s := b.stacks[many]
			took, err := s.settled(s.restart)(ctx)
			if err != nil {
				return nil, err
			}
			bytes, err := s.idleRSS(ctx)
			if err != nil {
				return nil, err
			}
			goroutines, err := goroutines(ctx, s.Manager)
			return one(took, bytes/1e6, goroutines), err
		},
	}
}

func goroutines(ctx context.Context, m *quickstart.Manager) (float64, error) {
	const name = "go_goroutines"
	found, err := scrape(ctx, uncompressed, m.MetricsURL, name)
	if err != nil || len(found[name]) == 0 {
		return 0, errors.Join(err, errors.New("the manager does not count its goroutines"))
	}
	return found[name][0].value, nil
}

// storm measures what one directory notices of a storm in another, and of the same storm in itself: what it
// costs that there is one machine.
func (b *bench) storm(name string, operation func(*stack, *tenant) load.Operation) measurement {
	return measurement{
		name:  "directories-storm-" + name,
		needs: []size{many},
		rows: []row{
			{figure: name + " p50 in a directory, under a storm of 16 workers in another ÷ in peace"},
			{figure: "… ÷ under the same storm in itself"},
			{figure: fmt.Sprintf("… under a storm in another that its limit of %d requests a second bounds ÷ in peace", stormLimit.RequestsPerSecond), target: atMost(stormBound)},
		},
		round: func(ctx context.Context, b *bench, round int) ([][]float64, error) {
			s := b.stacks[many]
			others := b.directories - 1
			limited := s.tenants[others] // from now on
			quiet, loud := s.tenants[round%others], s.tenants[(round+1)%others]
			if err := s.limit(ctx, limited); err != nil {
				return nil, err
			}
			under := func(what string, stormy *tenant) side {
				measure := b.middle(what, operation(s, quiet))
				return func(ctx context.Context) (p50 float64, err error) {
					storming, end := context.WithCancel(ctx)
					var all sync.WaitGroup
					if stormy != nil {
						all.Go(func() { load.Run(storming, load.Plan{Workers: manyWorkers}, patiently(s.mixedIn(stormy))) })
					}
					p50, err = measure(ctx)
					end()
					all.Wait()
					return p50, errors.Join(err, s.settle(ctx))
				}
			}
			values, err := b.beside(ctx, round, under("in peace", nil), under("storm elsewhere", loud), under("storm here", quiet), under("limited storm", limited))
			if err != nil {
				return nil, err
			}
			return one(values[1]/values[0], values[1]/values[2], values[3]/values[0]), nil
		},
	}
}

// stormLimit is what a credential is allowed by default, which the managers of the benchmark do not go by; at once
// it is allowed no more than in a second, for a round is short.
var stormLimit = v1alpha1.RateLimit{RequestsPerSecond: auth.DefaultRate, Burst: auth.DefaultRate}

// stormBound is how much slower a directory may be when others use what they are allowed.
const stormBound = 2

func (s *stack) limit(ctx context.Context, t *tenant) error {
	d := &v1alpha1.CloudSSODirectory{ObjectMeta: metav1.ObjectMeta{Namespace: t.namespace, Name: v1alpha1.DirectoryName}}
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"rateLimit": stormLimit}})
	if err != nil {
		return err
	}
	return s.Admin.Patch(ctx, d, client.RawPatch(types.MergePatchType, patch))
}

// patiently comes again a second after it was told that it asks too often, as a provider does.
func patiently(operation load.Operation) load.Operation {
	return func(ctx context.Context, worker, n int) error {
		err := operation(ctx, worker, n)
		var refusal *load.Refusal
		if !errors.As(err, &refusal) || refusal.Status != http.StatusTooManyRequests {
			return err
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
		return nil
	}
}

// shards measures operators that are given their namespaces: all of them, and half.
func (b *bench) shards() measurement {
	rows := make([]row, 0, 6)
	for _, some := range []string{"all", "half"} {
		rows = append(rows,
			row{figure: fmt.Sprintf("given %s of %d namespaces: ready", some, b.directories), unit: "s"},
			row{figure: "… resident memory, idle", unit: "MB"},
			row{figure: "… goroutines", unit: "goroutines"})
	}
	return measurement{
		name:  "directories-shards",
		needs: []size{many},
		rows:  rows,
		round: func(ctx context.Context, b *bench, _ int) (samples [][]float64, err error) {
			s := b.stacks[many]
			if err := s.Manager.Stop(); err != nil {
				return nil, err
			}
			for _, n := range []int{b.directories, b.directories / 2} {
				some, err := s.measureShard(ctx, s.tenants[:n])
				if err != nil {
					return nil, err
				}
				samples = append(samples, some...)
			}
			return samples, s.RestartManager(ctx)
		},
	}
}

func (s *stack) measureShard(ctx context.Context, tenants []*tenant) ([][]float64, error) {
	flags := []string{"--shard=bench", "--leader-lease-duration=" + leaseDuration.String()}
	for _, t := range tenants {
		flags = append(flags, "--namespaces="+t.namespace)
	}
	began := time.Now()
	m, err := s.AddOperator(ctx, s.operator, flags...)
	if err != nil {
		return nil, err
	}
	took := time.Since(began).Seconds()
	select {
	case <-time.After(idleTime):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	bytes, err := rss(ctx, m.PID())
	if err != nil {
		return nil, err
	}
	count, err := goroutines(ctx, m)
	return one(took, bytes/1e6, count), errors.Join(err, m.Stop())
}

func (t *tenant) get(ctx context.Context, _, _ int) error {
	_, err := t.scim.Do(ctx, http.MethodGet, "/Users/"+t.seeded[rand.IntN(len(t.seeded))], "")
	return err
}

func (s *stack) postTo(t *tenant) load.Operation {
	return func(ctx context.Context, _, _ int) error {
		_, err := t.scim.Do(ctx, http.MethodPost, "/Users", load.User(s.tag()))
		return err
	}
}

// mixedIn is what a provider does all day: it looks, reads and creates.
func (s *stack) mixedIn(t *tenant) load.Operation {
	find := func(ctx context.Context, _, _ int) error {
		_, err := t.scim.Do(ctx, http.MethodGet, load.Find("userName", load.UserName(seedTag(rand.IntN(len(t.seeded))))), "")
		return err
	}
	sorts := []load.Operation{t.get, find, s.postTo(t)}
	return func(ctx context.Context, worker, n int) error { return sorts[rand.IntN(len(sorts))](ctx, worker, n) }
}

// seedDirectories makes the directories, each with its users and a credential.
func (s *stack) seedDirectories(ctx context.Context, directories, users int) error {
	for n := range directories {
		t := &tenant{namespace: fmt.Sprintf("tenant-%d", n), seeded: make([]string, users)}
		s.tenants = append(s.tenants, t)
		for _, o := range []client.Object{
			&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: t.namespace}},
			&v1alpha1.CloudSSODirectory{
				ObjectMeta: metav1.ObjectMeta{Namespace: t.namespace, Name: v1alpha1.DirectoryName},
				Spec:       v1alpha1.CloudSSODirectorySpec{SCIMSynchronization: v1alpha1.SynchronizationEnabled},
			},
			&v1alpha1.SCIMCredential{ObjectMeta: metav1.ObjectMeta{Namespace: t.namespace, Name: quickstart.CredentialName}},
		} {
			if err := s.Admin.Create(ctx, o); err != nil {
				return err
			}
		}
	}
	result := load.Run(ctx, load.Plan{Workers: seedWorkers, Count: directories * users}, func(ctx context.Context, _, n int) error {
		t := s.tenants[n/users]
		u := s.user(t.namespace, seedTag(n%users))
		if err := s.raw.Create(ctx, u); err != nil {
			return err
		}
		t.seeded[n%users] = u.Name
		return nil
	})
	if result.Err != nil {
		return result.Err
	}
	for _, t := range s.tenants {
		if err := s.enter(ctx, t); err != nil {
			return err
		}
	}
	return s.settle(ctx)
}

// enter waits for the token of a directory.
func (s *stack) enter(ctx context.Context, t *tenant) error {
	var secret corev1.Secret
	err := wait.PollUntilContextTimeout(ctx, settleInterval, statusTimeout, true, func(ctx context.Context) (bool, error) {
		err := s.Admin.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: quickstart.CredentialName}, &secret)
		return err == nil && len(secret.Data[v1alpha1.SecretKeyTokenHash]) > 0, client.IgnoreNotFound(err)
	})
	if err != nil {
		return fmt.Errorf("waiting for the token of %s: %w", t.namespace, err)
	}
	t.scim, err = load.NewClient(load.Options{BaseURL: s.BaseURL, Token: string(secret.Data[v1alpha1.SecretKeyToken]), CAFile: s.CAFile, Connections: manyWorkers})
	return err
}
