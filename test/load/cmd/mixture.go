package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cloudsso/cloudsso-operator/test/load"
)

// mixture sends operations of several kinds, on users that it has created.
type mixture struct {
	client  *load.Client
	tag     string   // makes this run's users differ from those of other runs
	weights []string // each kind of operation as often as its weight

	mu        sync.Mutex
	created   int
	users     []user
	latencies map[string]load.Samples
}

type user struct{ id, tag string }

// operations are the kinds of operations, each on an existing user.
var operations = map[string]func(context.Context, *mixture, user) error{
	"create": func(ctx context.Context, m *mixture, _ user) error { return m.create(ctx) },
	"get": func(ctx context.Context, m *mixture, u user) error {
		return m.send(ctx, http.MethodGet, "/Users/"+u.id, "")
	},
	"find": func(ctx context.Context, m *mixture, u user) error {
		return m.send(ctx, http.MethodGet, load.Find("userName", load.UserName(u.tag)), "")
	},
	"missing": func(ctx context.Context, m *mixture, u user) error {
		return m.send(ctx, http.MethodGet, load.Find("userName", load.UserName(u.tag+"missing")), "")
	},
	"deactivate": func(ctx context.Context, m *mixture, u user) error {
		return m.send(ctx, http.MethodPatch, "/Users/"+u.id, load.SetActive(rand.IntN(2) == 0))
	},
	"rename": func(ctx context.Context, m *mixture, u user) error {
		return m.send(ctx, http.MethodPatch, "/Users/"+u.id, load.SetDisplayName(strconv.Itoa(rand.Int())))
	},
	"list": func(ctx context.Context, m *mixture, _ user) error {
		return m.send(ctx, http.MethodGet, "/Users?startIndex=1&count=100", "")
	},
}

func parseMix(mix string) (weights []string, err error) {
	for item := range strings.SplitSeq(mix, ",") {
		sort, number, _ := strings.Cut(item, "=")
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 || operations[sort] == nil {
			return nil, fmt.Errorf("-mix: %q is not one of %s with = and a whole number", item,
				strings.Join(slices.Sorted(maps.Keys(operations)), ", "))
		}
		for range n {
			weights = append(weights, sort)
		}
	}
	if len(weights) == 0 {
		return nil, fmt.Errorf("-mix %q has no operation in it", mix)
	}
	return weights, nil
}

func (m *mixture) send(ctx context.Context, method, path, body string) error {
	_, err := m.client.Do(ctx, method, path, body)
	return err
}

func (m *mixture) create(ctx context.Context) error {
	m.mu.Lock()
	tag := fmt.Sprintf("%sn%d", m.tag, m.created)
	m.created++
	m.mu.Unlock()
	answer, err := m.client.Do(ctx, http.MethodPost, "/Users", load.User(tag))
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.users = append(m.users, user{answer.ID(), tag})
	return nil
}

func (m *mixture) prepare(ctx context.Context, users, workers int) error {
	result := load.Run(ctx, load.Plan{Workers: workers, Count: users}, func(ctx context.Context, _, _ int) error { return m.create(ctx) })
	if len(m.users) == 0 || result.Err != nil {
		return fmt.Errorf("creating users: %w", result.Err)
	}
	return nil
}

func (m *mixture) operate(ctx context.Context, _, _ int) error {
	sort := m.weights[rand.IntN(len(m.weights))]
	m.mu.Lock()
	u := m.users[rand.IntN(len(m.users))]
	m.mu.Unlock()
	began := time.Now()
	if err := operations[sort](ctx, m, u); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.latencies[sort] = append(m.latencies[sort], time.Since(began))
	return nil
}

func (m *mixture) print(w io.Writer, result load.Result) {
	fmt.Fprintf(w, "%d operations in %.1f s after warming up: %.0f/s, %d failed\n\n",
		len(result.Latencies), result.Elapsed.Seconds(), result.Throughput(), result.Errors)
	const line = "%-12s %8v %10v %10v %10v %10v\n"
	fmt.Fprintf(w, line, "operation", "count", "p50", "p90", "p99", "max")
	for _, sort := range slices.Sorted(maps.Keys(m.latencies)) {
		s := m.latencies[sort]
		slices.Sort(s)
		at := func(q float64) time.Duration { return s.Percentile(q).Round(10 * time.Microsecond) }
		fmt.Fprintf(w, line, sort, len(s), at(0.5), at(0.9), at(0.99), at(1))
	}
}

// cleanUp deletes the users of this run. The service's own log shows failures.
func (m *mixture) cleanUp(ctx context.Context, workers int) {
	if len(m.users) == 0 {
		return
	}
	load.Run(ctx, load.Plan{Workers: workers, Count: len(m.users)}, func(ctx context.Context, _, n int) error {
		return m.send(ctx, http.MethodDelete, "/Users/"+m.users[n].id, "")
	})
}
