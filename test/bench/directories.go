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

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
	"github.com/cloudsso/cloudsso-operator/test/load"
	"github.com/cloudsso/cloudsso-operator/test/scrape"
)

// manyDirectories is a stack with as many directories as -directories says, of directoryUsers each.
const manyDirectories size = "many"

// directory is one of them.
type directory struct {
	namespace string
	scim      *load.Client
	seeded    []string // ids of its users
}

// defaultLimit is the default rate limit of a credential. Its burst is that of one second, because a round is short.
var defaultLimit = v1alpha1.RateLimit{RequestsPerSecond: auth.DefaultRate, Burst: auth.DefaultRate}

// overloadBound is how much slower a directory may be while another one uses all that the default limit permits.
const overloadBound = 2

// directoryMeasurements returns the measurements of a cluster with many directories.
func (b *bench) directoryMeasurements() []measurement {
	get := func(_ *stack, d *directory) load.Operation { return d.getAnyUser }
	post := func(s *stack, d *directory) load.Operation { return s.postTo(d) }
	return []measurement{
		b.manyDirectoriesMeasurement(),
		b.oneOfManyMeasurement("get", "GET by id", get, func(s *stack) load.Operation { return s.getAnyUser(s.scim) }),
		b.oneOfManyMeasurement("post", "POST", post, func(s *stack) load.Operation { return s.post(&createdUsers{}) }),
		b.overloadMeasurement("GET", get),
		b.overloadMeasurement("POST", post),
		b.namespacesMeasurement(),
	}
}

// oneOfManyMeasurement measures an operation in one of many directories against the only directory of another cluster.
func (b *bench) oneOfManyMeasurement(name, what string, operation func(*stack, *directory) load.Operation, alone func(*stack) load.Operation) measurement {
	return measurement{
		name:  "directories-" + name,
		needs: []size{small, manyDirectories},
		rows: []row{{
			figure: fmt.Sprintf("%s p50, %d directories of %d users ÷ one of %s", what, b.directories, b.directoryUsers, withCommas(smallUsers)),
			target: atMost(growthBound),
		}},
		round: func(ctx context.Context, b *bench, round int) ([][]float64, error) {
			s, only := b.stacks[manyDirectories], b.stacks[small]
			d := s.directories[round%b.directories]
			values, err := b.measureInTurns(ctx, round, b.medianLatency("many", operation(s, d)), b.medianLatency("one", alone(only)))
			if err != nil {
				return nil, err
			}
			return oneSampleEach(values[0] / values[1]), errors.Join(s.waitIdle(ctx), only.waitIdle(ctx))
		},
	}
}

// manyDirectoriesMeasurement measures the start and the size of an operator with many directories.
func (b *bench) manyDirectoriesMeasurement() measurement {
	return measurement{
		name:  "directories-size",
		needs: []size{manyDirectories},
		rows: []row{
			{figure: fmt.Sprintf("ready with %d directories", b.directories), unit: "s"},
			{figure: "… resident memory after a short rest", unit: "MB"},
			{figure: "… goroutines", unit: "goroutines"},
		},
		round: func(ctx context.Context, b *bench, _ int) ([][]float64, error) {
			s := b.stacks[manyDirectories]
			took, err := s.thenIdle(s.restart)(ctx)
			if err != nil {
				return nil, err
			}
			bytes, err := s.rssAfter(ctx, shortRest)
			if err != nil {
				return nil, err
			}
			goroutines, err := countGoroutines(ctx, s.Manager)
			return oneSampleEach(took, bytes/1e6, goroutines), err
		},
	}
}

func countGoroutines(ctx context.Context, m *quickstart.Manager) (float64, error) {
	samples, err := scrape.Samples(ctx, uncompressed, m.MetricsURL)
	if err != nil {
		return 0, err
	}
	goroutines, ok := scrape.Sum(samples, "go_goroutines", nil)
	if !ok {
		return 0, errors.New("the manager has no metric of its goroutines")
	}
	return goroutines, nil
}

// overloadMeasurement measures a well-behaved client of one directory while 16 workers send as many requests as they can
// to another directory, to the same one, and to another one that has the default rate limit.
func (b *bench) overloadMeasurement(name string, operation func(*stack, *directory) load.Operation) measurement {
	return measurement{
		name:  "directories-overload-" + name,
		needs: []size{manyDirectories},
		rows: []row{
			{figure: name + " p50 in a directory, while 16 workers overload another ÷ without overload"},
			{figure: "… ÷ while they overload the same directory"},
			{figure: fmt.Sprintf("… while they overload one that has a limit of %d requests a second ÷ without overload", defaultLimit.RequestsPerSecond), target: atMost(overloadBound)},
		},
		round: func(ctx context.Context, b *bench, round int) ([][]float64, error) {
			s := b.stacks[manyDirectories]
			others := b.directories - 1
			limited := s.directories[others]
			measured, other := s.directories[round%others], s.directories[(round+1)%others]
			if err := s.setRateLimit(ctx, limited, defaultLimit); err != nil {
				return nil, err
			}
			values, err := b.measureInTurns(ctx, round,
				s.thenIdle(b.medianLatency("without overload", operation(s, measured))),
				s.whileOverloading(other, b.medianLatency("another overloaded", operation(s, measured))),
				s.whileOverloading(measured, b.medianLatency("itself overloaded", operation(s, measured))),
				s.whileOverloading(limited, b.medianLatency("a limited one overloaded", operation(s, measured))))
			if err != nil {
				return nil, err
			}
			return oneSampleEach(values[1]/values[0], values[1]/values[2], values[3]/values[0]), nil
		},
	}
}

// whileOverloading returns a side that is measured while 16 workers send requests to a directory.
func (s *stack) whileOverloading(d *directory, measure side) side {
	return s.while(manyWorkers, s.anyRequestTo(d), measure)
}

// while returns a side that is measured while workers run another operation. Those that are answered 429 wait for a second.
func (s *stack) while(workers int, operation load.Operation, measure side) side {
	return func(ctx context.Context) (float64, error) {
		overloadCtx, end := context.WithCancel(ctx)
		defer end()
		var overload sync.WaitGroup
		overload.Go(func() { load.Run(overloadCtx, load.Plan{Workers: workers}, retryLater(operation)) })
		value, err := measure(ctx)
		end()
		overload.Wait()
		return value, errors.Join(err, s.waitIdle(ctx))
	}
}

func (s *stack) setRateLimit(ctx context.Context, d *directory, limit v1alpha1.RateLimit) error {
	o := &v1alpha1.CloudSSODirectory{ObjectMeta: metav1.ObjectMeta{Namespace: d.namespace, Name: v1alpha1.DirectoryName}}
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"rateLimit": limit}})
	if err != nil {
		return err
	}
	return s.Admin.Patch(ctx, o, client.RawPatch(types.MergePatchType, patch))
}

// retryLater waits a second after an answer of 429, as a provider does.
func retryLater(operation load.Operation) load.Operation {
	return func(ctx context.Context, worker, n int) error {
		err := operation(ctx, worker, n)
		var refusal *load.Refusal
		if !errors.As(err, &refusal) || refusal.Status != http.StatusTooManyRequests {
			return err
		}
		return pause(ctx, time.Second)
	}
}

// namespacesMeasurement measures operators that are given a list of namespaces: all of them, and half.
func (b *bench) namespacesMeasurement() measurement {
	rows := make([]row, 0, 6)
	for _, part := range []string{"all", "half"} {
		rows = append(rows,
			row{figure: fmt.Sprintf("given %s of %d namespaces: ready", part, b.directories), unit: "s"},
			row{figure: "… resident memory after a short rest", unit: "MB"},
			row{figure: "… goroutines", unit: "goroutines"})
	}
	return measurement{
		name:  "directories-namespaces",
		needs: []size{manyDirectories},
		rows:  rows,
		round: func(ctx context.Context, b *bench, _ int) (samples [][]float64, err error) {
			s := b.stacks[manyDirectories]
			if err := s.Manager.Stop(); err != nil {
				return nil, err
			}
			for _, n := range []int{b.directories, b.directories / 2} {
				part, err := s.measureNamespaces(ctx, s.directories[:n])
				if err != nil {
					return nil, err
				}
				samples = append(samples, part...)
			}
			return samples, s.RestartManager(ctx)
		},
	}
}

func (s *stack) measureNamespaces(ctx context.Context, directories []*directory) ([][]float64, error) {
	flags := []string{"--shard=bench", "--leader-lease-duration=" + leaseDuration.String()}
	for _, d := range directories {
		flags = append(flags, "--namespaces="+d.namespace)
	}
	began := time.Now()
	m, err := s.AddOperator(ctx, s.operator, flags...)
	if err != nil {
		return nil, err
	}
	took := time.Since(began).Seconds()
	if err := pause(ctx, shortRest); err != nil {
		return nil, err
	}
	bytes, err := rss(ctx, m.PID())
	if err != nil {
		return nil, err
	}
	goroutines, err := countGoroutines(ctx, m)
	return oneSampleEach(took, bytes/1e6, goroutines), errors.Join(err, m.Stop())
}

func (d *directory) getAnyUser(ctx context.Context, _, _ int) error {
	_, err := d.scim.Do(ctx, http.MethodGet, "/Users/"+d.seeded[rand.IntN(len(d.seeded))], "")
	return err
}

func (d *directory) findAnyUser(ctx context.Context, _, _ int) error {
	_, err := d.scim.Do(ctx, http.MethodGet, load.Find("userName", load.UserName(seedTag(rand.IntN(len(d.seeded))))), "")
	return err
}

func (s *stack) postTo(d *directory) load.Operation {
	return func(ctx context.Context, _, _ int) error {
		_, err := d.scim.Do(ctx, http.MethodPost, "/Users", load.User(s.newTag()))
		return err
	}
}

// anyRequestTo sends what a provider sends: queries, reads and creates.
func (s *stack) anyRequestTo(d *directory) load.Operation {
	return anyOf(d.getAnyUser, d.findAnyUser, s.postTo(d))
}

// seedDirectories creates the directories, each with its users and a credential.
func (s *stack) seedDirectories(ctx context.Context, directories, users int) error {
	for n := range directories {
		d := &directory{namespace: fmt.Sprintf("directory-%d", n), seeded: make([]string, users)}
		s.directories = append(s.directories, d)
		if err := s.createDirectory(ctx, d.namespace); err != nil {
			return err
		}
		credential := &v1alpha1.SCIMCredential{ObjectMeta: metav1.ObjectMeta{Namespace: d.namespace, Name: quickstart.CredentialName}}
		if err := s.Admin.Create(ctx, credential); err != nil {
			return err
		}
	}
	result := load.Run(ctx, load.Plan{Workers: seedWorkers, Count: directories * users}, func(ctx context.Context, _, n int) (err error) {
		d := s.directories[n/users]
		d.seeded[n%users], err = s.createPair(ctx, d.namespace, seedTag(n%users))
		return err
	})
	if result.Err != nil {
		return result.Err
	}
	for _, d := range s.directories {
		if err := s.connectToDirectory(ctx, d); err != nil {
			return err
		}
	}
	return s.waitIdle(ctx)
}

// connectToDirectory waits for the token and the activation of a directory, and creates its client.
func (s *stack) connectToDirectory(ctx context.Context, d *directory) error {
	token, err := quickstart.Token(ctx, s.Admin, d.namespace, quickstart.CredentialName)
	if err != nil {
		return err
	}
	if err := quickstart.AwaitActivation(ctx, s.Admin, d.namespace); err != nil {
		return err
	}
	d.scim, err = load.NewClient(load.Options{BaseURL: s.BaseURL, Token: token, CAFile: s.CAFile, Connections: manyWorkers})
	return err
}
