package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/load"
)

const (
	// pageSize is the page size that providers ask for.
	pageSize = 100
	// edgePages is how many pages at either end of a list are compared: the latency of one alone varies too much.
	edgePages = 10
)

// filterMeasurement measures the query by which identity providers look for a user, in a large directory against a
// small one.
func filterMeasurement(attribute string) measurement {
	return measurement{
		name:  "filter-" + attribute,
		needs: []size{small, large},
		rows:  []row{{figure: fmt.Sprintf("filter `%s eq` p50 at "+largeUsers+" users ÷ at 1,000", attribute), target: atMost(growthBound)}},
		round: func(ctx context.Context, b *bench, round int) ([][]float64, error) {
			values, err := b.measureInTurns(ctx, round,
				b.medianLatency("large", b.stacks[large].findAnyUser(attribute)),
				b.medianLatency("small", b.stacks[small].findAnyUser(attribute)))
			if err != nil {
				return nil, err
			}
			return oneSampleEach(values[0] / values[1]), nil
		},
	}
}

func (s *stack) findAnyUser(attribute string) load.Operation {
	value := map[string]func(string) string{"userName": load.UserName, "externalId": load.ExternalID}[attribute]
	return func(ctx context.Context, _, _ int) error {
		path := load.Find(attribute, value(seedTag(rand.IntN(len(s.seeded)))))
		answer, err := s.scim.Do(ctx, http.MethodGet, path, "")
		if err != nil {
			return err
		}
		return expectPart(answer, path, `"totalResults":1`)
	}
}

// expectPart returns an error if a part is missing from an answer: a wrong answer must not count as a fast one.
func expectPart(answer *load.Answer, path, part string) error {
	if !bytes.Contains(bytes.ReplaceAll(answer.Body, []byte(`": `), []byte(`":`)), []byte(part)) {
		return fmt.Errorf("%s: no %s in %.200s", path, part, answer.Body)
	}
	return nil
}

// listMeasurement measures reading the whole directory, page by page: the last pages against the first.
func listMeasurement() measurement {
	return measurement{
		name:  "list",
		needs: []size{large},
		rows:  []row{{figure: "full list of " + largeUsers + " users in pages of 100: last page ÷ first page", target: atMost(1.5)}},
		round: func(ctx context.Context, b *bench, _ int) ([][]float64, error) {
			s := b.stacks[large]
			latencies, err := s.listAll(ctx, "/Users", len(s.seeded))
			if err != nil {
				return nil, err
			}
			return oneSampleEach(b.lastToFirst(latencies)), nil
		},
	}
}

// listAll lists all resources of an endpoint and returns the latency of each page, in milliseconds.
func (s *stack) listAll(ctx context.Context, endpoint string, resources int) (latencies []float64, err error) {
	for page := -1; page < resources/pageSize; page++ { // the first page is also read before the measurement, to warm up
		path := fmt.Sprintf("%s?startIndex=%d&count=%d", endpoint, max(page, 0)*pageSize+1, pageSize)
		began := time.Now()
		answer, err := s.scim.Do(ctx, http.MethodGet, path, "")
		if err != nil {
			return nil, err
		}
		if page >= 0 {
			latencies = append(latencies, milliseconds(time.Since(began)))
		}
		if err := expectPart(answer, path, fmt.Sprintf(`"itemsPerPage":%d`, pageSize)); err != nil {
			return nil, err
		}
	}
	return latencies, nil
}

// lastToFirst returns the median latency of the last pages divided by that of the first.
func (b *bench) lastToFirst(latencies []float64) float64 {
	n := max(min(edgePages, len(latencies)/2), 1)
	first, last := load.Median(latencies[:n]), load.Median(latencies[len(latencies)-n:])
	b.observe("first ms", first)
	b.observe("last ms", last)
	return last / first
}

// scanMeasurement measures a filter that no index serves.
func scanMeasurement() measurement {
	return measurement{
		name:  "scan",
		needs: []size{large},
		rows:  []row{{figure: "unindexed filter over " + largeUsers + " users (`emails.value co \"x\"`)", unit: "ms", target: atMost(100), quantile: 0.5}},
		round: func(ctx context.Context, b *bench, _ int) ([][]float64, error) {
			result, err := b.runLoad(ctx, 1, func(ctx context.Context, _, _ int) error {
				_, err := b.stacks[large].scim.Do(ctx, http.MethodGet, load.Filter(`emails.value co "x"`), "")
				return err
			})
			return [][]float64{allMilliseconds(result.Latencies)}, err
		},
	}
}

// negativeMeasurement measures the answer that there is no user of a userName, which takes a live read of the claim.
func negativeMeasurement() measurement {
	return measurement{
		name:  "negative",
		needs: []size{large},
		rows: []row{
			{figure: "negative `userName eq`, 1 worker, p50", unit: "ms", target: atMost(2), quantile: 0.5},
			{figure: "negative `userName eq`, 16 workers, p50", unit: "ms", quantile: 0.5},
		},
		round: func(ctx context.Context, b *bench, _ int) (samples [][]float64, err error) {
			s := b.stacks[large]
			if _, err := b.medianLatency("raw GET of a claim", s.getAbsentClaim)(ctx); err != nil {
				return nil, err
			}
			for _, workers := range []int{1, manyWorkers} {
				result, err := b.runLoad(ctx, workers, s.findAbsentUser)
				if err != nil {
					return nil, err
				}
				samples = append(samples, allMilliseconds(result.Latencies))
				b.observe(countWorkers(workers)+"/s", result.Throughput())
			}
			return samples, nil
		},
	}
}

// absentTag returns a tag that no user has.
func absentTag(worker, n int) string { return fmt.Sprintf("absent%dn%d", worker, n) }

// getAbsentClaim does the live read of the negative answer, and nothing else.
func (s *stack) getAbsentClaim(ctx context.Context, worker, n int) error {
	err := s.raw.Get(ctx, claimKey(s.Namespace, absentTag(worker, n)), &v1alpha1.CloudSSONameClaim{})
	if err == nil {
		return errors.New("there is a claim on a userName that was never created")
	}
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func (s *stack) findAbsentUser(ctx context.Context, worker, n int) error {
	path := load.Find("userName", load.UserName(absentTag(worker, n)))
	answer, err := s.scim.Do(ctx, http.MethodGet, path, "")
	if err != nil {
		return err
	}
	return expectPart(answer, path, `"totalResults":0`)
}
