package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/load"
)

// finds measures the query by which identity providers look for a user, in a large directory against a
// small one.
func finds(attribute string) measurement {
	return measurement{
		name:  "find-" + attribute,
		needs: []size{small, large},
		rows:  []row{{figure: fmt.Sprintf("filter `%s eq` p50 at "+largeUsers+" users ÷ at 1,000", attribute), target: atMost(1.15)}},
		round: func(ctx context.Context, b *bench, round int) ([][]float64, error) {
			values, err := b.beside(ctx, round,
				b.middle("large", b.stacks[large].findAny(attribute)),
				b.middle("small", b.stacks[small].findAny(attribute)))
			if err != nil {
				return nil, err
			}
			return one(values[0] / values[1]), nil
		},
	}
}

func (s *stack) findAny(attribute string) load.Operation {
	value := map[string]func(string) string{"userName": load.UserName, "externalId": load.ExternalID}[attribute]
	return func(ctx context.Context, _, _ int) error {
		path := load.Find(attribute, value(seedTag(rand.IntN(len(s.seeded)))))
		answer, err := s.scim.Do(ctx, http.MethodGet, path, "")
		if err != nil {
			return err
		}
		return expect(answer, path, `"totalResults":1`)
	}
}

// expect is an error when a part is missing from an answer: fast and wrong is not fast.
func expect(answer *load.Answer, path, part string) error {
	if !bytes.Contains(bytes.ReplaceAll(answer.Body, []byte(`": `), []byte(`":`)), []byte(part)) {
		return fmt.Errorf("%s: no %s in %.200s", path, part, answer.Body)
	}
	return nil
}

// pageSize is what providers ask for.
const pageSize = 100

// lists measures reading the whole directory, page by page: the last pages against the first.
func lists() measurement {
	const pages = 10 // one alone would be chance
	return measurement{
		name:  "list",
		needs: []size{large},
		rows:  []row{{figure: "full list of " + largeUsers + " users in pages of 100: last page ÷ first page", target: atMost(1.5)}},
		round: func(ctx context.Context, b *bench, _ int) ([][]float64, error) {
			latencies, err := b.stacks[large].listAll(ctx)
			if err != nil {
				return nil, err
			}
			n := min(pages, len(latencies)/2)
			first, last := load.Median(latencies[:n]), load.Median(latencies[len(latencies)-n:])
			b.observe("first ms", first)
			b.observe("last ms", last)
			return one(last / first), nil
		},
	}
}

// listAll lists all users and returns how long each page took, in milliseconds.
func (s *stack) listAll(ctx context.Context) (latencies []float64, err error) {
	pages := len(s.seeded) / pageSize
	for page := -1; page < pages; page++ { // the first is read once to warm up
		path := fmt.Sprintf("/Users?startIndex=%d&count=%d", max(page, 0)*pageSize+1, pageSize)
		began := time.Now()
		answer, err := s.scim.Do(ctx, http.MethodGet, path, "")
		if err != nil {
			return nil, err
		}
		if page >= 0 {
			latencies = append(latencies, milliseconds(time.Since(began)))
		}
		if err := expect(answer, path, fmt.Sprintf(`"itemsPerPage":%d`, pageSize)); err != nil {
			return nil, err
		}
	}
	return latencies, nil
}

// scans measures a filter that no index helps with.
func scans() measurement {
	return measurement{
		name:  "scan",
		needs: []size{large},
		rows:  []row{{figure: "unindexed filter over " + largeUsers + " users (`emails.value co \"x\"`)", unit: "ms", target: atMost(100), quantile: 0.5}},
		round: func(ctx context.Context, b *bench, _ int) ([][]float64, error) {
			result, err := b.run(ctx, 1, func(ctx context.Context, _, _ int) error {
				_, err := b.stacks[large].scim.Do(ctx, http.MethodGet, load.Filter(`emails.value co "x"`), "")
				return err
			})
			return [][]float64{allMilliseconds(result.Latencies)}, err
		},
	}
}

// negatives measures the fenced answer that there is no such user.
func negatives() measurement {
	return measurement{
		name:  "negative",
		needs: []size{large},
		rows: []row{
			{figure: "negative filter answer (fenced), 1 worker, p50", unit: "ms", target: atMost(5), quantile: 0.5},
			{figure: "negative filter answer (fenced), 16 workers, p50", unit: "ms", target: atMost(10), quantile: 0.5},
		},
		round: func(ctx context.Context, b *bench, _ int) (samples [][]float64, err error) {
			if err := b.touch(ctx, b.stacks[large]); err != nil {
				return nil, err
			}
			for _, workers := range []int{1, manyWorkers} {
				result, err := b.run(ctx, workers, b.stacks[large].findNobody)
				if err != nil {
					return nil, err
				}
				samples = append(samples, allMilliseconds(result.Latencies))
				b.observe(workersOf(workers)+"/s", result.Throughput())
			}
			return samples, nil
		},
	}
}

// touch observes what a fence costs at least: a merge patch of a small object, as the service touches its
// sentinel.
func (b *bench) touch(ctx context.Context, s *stack) error {
	o := &v1alpha1.CloudSSOUser{
		ObjectMeta: metav1.ObjectMeta{Namespace: rawNamespace, Name: v1alpha1.SentinelName, Labels: map[string]string{v1alpha1.LabelFence: "true"}},
		Spec:       v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceManual, UserName: v1alpha1.SentinelName},
	}
	if err := s.raw.Create(ctx, o); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	_, err := b.middle("raw touch", func(ctx context.Context, _, n int) error {
		patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:"%d"}}}`, v1alpha1.LabelFence, n)
		return s.raw.Patch(ctx, o, client.RawPatch(types.MergePatchType, patch))
	})(ctx)
	return err
}

func (s *stack) findNobody(ctx context.Context, worker, n int) error {
	path := load.Find("userName", load.UserName(fmt.Sprintf("nobody%dn%d", worker, n)))
	answer, err := s.scim.Do(ctx, http.MethodGet, path, "")
	if err != nil {
		return err
	}
	return expect(answer, path, `"totalResults":0`)
}
