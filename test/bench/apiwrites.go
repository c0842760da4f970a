package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"k8s.io/client-go/rest"

	"github.com/cloudsso/cloudsso-operator/test/load"
	"github.com/cloudsso/cloudsso-operator/test/scrape"
)

const (
	// countedRequests is how many requests of a kind the API server's writes are divided by.
	countedRequests = 100
	// countedPushes is how many times a hundred members are added: until all users of the small directory are members.
	countedPushes = smallUsers / pushSize
	pushSize      = 100
	// groupStatusDelay is more than sliceInterval in controllers/group, after which a group's status is written.
	groupStatusDelay = 1500 * time.Millisecond
)

// apiWriteMeasurement counts what one request of a provider makes the operator write, effects included.
func apiWriteMeasurement() measurement {
	return measurement{
		name:  "api-writes",
		needs: []size{small},
		rows: []row{
			{figure: "API writes per create", target: atMost(2)},
			{figure: "API writes per create of an inactive user", target: atMost(3)},
			{figure: "API writes per update", target: atMost(1)},
			{figure: "API writes per rename", target: atMost(3)},
			{figure: "API writes per deactivation", target: atMost(2)},
			{figure: "API writes per 100-member PATCH", target: atMost(2)},
		},
		round: func(ctx context.Context, b *bench, round int) ([][]float64, error) {
			return b.countAPIWrites(ctx, b.stacks[small], round)
		},
	}
}

func (b *bench) countAPIWrites(ctx context.Context, s *stack, round int) (samples [][]float64, err error) {
	var created, inactive createdUsers
	group, err := s.createGroup(ctx, fmt.Sprintf("Counted %d", round))
	if err != nil {
		return nil, err
	}
	rename := func(u createdUser) string { return load.SetUserName(u.tag + "renamed") }
	for _, request := range []struct {
		name      string
		count     int
		operation load.Operation
	}{
		{"create", countedRequests, s.post(&created)},
		{"create inactive", countedRequests, s.postInactive(&inactive)},
		{"update", countedRequests, s.patchEach(&created, func(u createdUser) string { return load.SetDisplayName("Renamed " + u.tag) })},
		{"rename", countedRequests, s.patchEach(&created, rename)},
		{"deactivation", countedRequests, s.patchEach(&created, func(createdUser) string { return load.SetActive(false) })},
		{"push", countedPushes, s.push(group, s.seeded)},
	} {
		writes, err := b.writesPer(ctx, s, request.name, request.count, request.operation)
		if err != nil {
			return nil, err
		}
		samples = append(samples, []float64{writes})
	}
	for i := range created.users {
		created.users[i].tag += "renamed"
	}
	return samples, s.remove(ctx, append(created.users, inactive.users...))
}

// writesPer returns how many writes to users, groups, slices, claims and Events each operation causes until the
// controllers are idle. Writes to other resources, such as the directory's counts, do not grow with the operations; they
// are observed.
func (b *bench) writesPer(ctx context.Context, s *stack, name string, count int, operation load.Operation) (float64, error) {
	if err := s.waitIdle(ctx); err != nil {
		return 0, err
	}
	before, err := s.writes(ctx)
	if err != nil {
		return 0, err
	}
	if result := load.Run(ctx, load.Plan{Workers: 1, Count: count}, operation); result.Err != nil {
		return 0, result.Err
	}
	if err := pause(ctx, groupStatusDelay); err != nil {
		return 0, err
	}
	if err := s.waitIdle(ctx); err != nil {
		return 0, err
	}
	after, err := s.writes(ctx)
	if err != nil {
		return 0, err
	}
	total := 0.0
	for _, resource := range slices.Sorted(maps.Keys(after)) {
		each := (after[resource] - before[resource]) / float64(count)
		if each == 0 {
			continue
		}
		b.observe(name+": "+resource, each)
		kind, _, _ := strings.Cut(resource, "/")
		if slices.Contains([]string{"cloudssousers", "cloudssogroups", slicesResource, "cloudssonameclaims", "events"}, kind) {
			total += each
		}
	}
	return total, nil
}

// patchEach patches the users that were created, one after the other.
func (s *stack) patchEach(created *createdUsers, body func(createdUser) string) load.Operation {
	return func(ctx context.Context, _, n int) error {
		if n >= len(created.users) {
			return errors.New("more patches than users")
		}
		_, err := s.scim.Do(ctx, http.MethodPatch, "/Users/"+created.users[n].id, body(created.users[n]))
		return err
	}
}

// writes returns how many writes the API server has answered since its start, by resource and subresource. It leaves
// out leases: no request causes their renewal.
func (s *stack) writes(ctx context.Context) (map[string]float64, error) {
	c, err := rest.HTTPClientFor(s.ControlPlane.Admin())
	if err != nil {
		return nil, err
	}
	samples, err := scrape.Samples(ctx, c, s.apiServerURL("/metrics"))
	return countWrites(samples), err
}

func countWrites(samples model.Vector) map[string]float64 {
	counts := map[string]float64{}
	for _, sample := range samples {
		if sample.Metric[model.MetricNameLabel] != "apiserver_request_total" {
			continue
		}
		switch sample.Metric["verb"] {
		case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, "APPLY", "DELETECOLLECTION":
		default:
			continue
		}
		resource := string(sample.Metric["resource"])
		if resource == "leases" {
			continue
		}
		if subresource := sample.Metric["subresource"]; subresource != "" {
			resource += "/" + string(subresource)
		}
		counts[resource] += float64(sample.Value)
	}
	return counts
}
