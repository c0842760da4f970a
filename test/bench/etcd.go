package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/cloudsso/cloudsso-operator/test/load"
	"github.com/cloudsso/cloudsso-operator/test/scrape"
)

const (
	// etcdUsers is how many users are created, and changed, to measure the bytes that etcd stores for them.
	etcdUsers = 2000
	// etcdMembers is the size that a group grows to for the bytes of its slices.
	etcdMembers = 2000
	// etcdCommit is how often etcd commits what its metrics count.
	etcdCommit = time.Second
)

// etcdMeasurement measures the bytes that etcd stores: of the objects, and of the history between two compactions.
func etcdMeasurement() measurement {
	return measurement{
		name:      "etcd",
		needs:     []size{large},
		maxRounds: 1,
		rows: []row{
			{figure: "etcd: a user and its claim, at rest", unit: "bytes"},
			{figure: "… the value of a user alone", unit: "bytes"},
			{figure: "… the value of a claim alone", unit: "bytes"},
			{figure: "… history of a create, with its claim", unit: "bytes"},
			{figure: "… history of a change of a profile", unit: "bytes"},
			{figure: "… history of a deactivation, with its status", unit: "bytes"},
			{figure: "… history of a PATCH that adds 100 members", unit: "bytes"},
			{figure: "… the value of a slice of 250 members alone", unit: "bytes"},
		},
		round: func(ctx context.Context, b *bench, _ int) ([][]float64, error) {
			return b.stacks[large].measureEtcd(ctx)
		},
	}
}

func (s *stack) measureEtcd(ctx context.Context) ([][]float64, error) {
	if err := s.compact(ctx); err != nil {
		return nil, err
	}
	before, err := s.bytesInUse(ctx)
	if err != nil {
		return nil, err
	}
	history, err := s.measureHistory(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.compact(ctx); err != nil {
		return nil, err
	}
	after, err := s.bytesInUse(ctx)
	if err != nil {
		return nil, err
	}
	group, err := s.createGroup(ctx, "Etcd")
	if err != nil {
		return nil, err
	}
	push, err := s.growthPer(ctx, etcdMembers/pushSize, 1, s.push(group, s.seeded))
	if err != nil {
		return nil, err
	}
	values := make([]float64, 3)
	for i, resource := range []string{"cloudssousers", "cloudssonameclaims", slicesResource} {
		if values[i], err = s.valueSize(ctx, resource); err != nil {
			return nil, err
		}
	}
	user, claim, slice := values[0], values[1], values[2]
	return oneSampleEach((after-before)/etcdUsers, user, claim, history[0], history[1], history[2], push, slice), nil
}

// measureHistory returns how much a create, a change of a profile and a deactivation each add to the database.
func (s *stack) measureHistory(ctx context.Context) (history []float64, err error) {
	var created createdUsers
	for _, operation := range []load.Operation{
		s.post(&created),
		s.patchEach(&created, func(createdUser) string { return load.SetDisplayName("Renamed") }),
		s.patchEach(&created, func(createdUser) string { return load.SetActive(false) }),
	} {
		growth, err := s.growthPer(ctx, etcdUsers, manyWorkers, operation)
		if err != nil {
			return nil, err
		}
		history = append(history, growth)
	}
	return history, nil
}

// growthPer returns how much each of some operations adds to the database, effects included.
func (s *stack) growthPer(ctx context.Context, count, workers int, operation load.Operation) (float64, error) {
	before, err := s.bytesInUse(ctx)
	if err != nil {
		return 0, err
	}
	if result := load.Run(ctx, load.Plan{Workers: workers, Count: count}, operation); result.Err != nil {
		return 0, result.Err
	}
	if err := s.waitIdle(ctx); err != nil {
		return 0, err
	}
	after, err := s.bytesInUse(ctx)
	return (after - before) / float64(count), err
}

// bytesInUse returns the size of etcd's database without its free pages.
func (s *stack) bytesInUse(ctx context.Context) (float64, error) {
	if err := pause(ctx, etcdCommit); err != nil {
		return 0, err
	}
	samples, err := scrape.Samples(ctx, http.DefaultClient, s.ControlPlane.EtcdURL()+"/metrics")
	if err != nil {
		return 0, err
	}
	size, ok := scrape.Sum(samples, "etcd_mvcc_db_total_size_in_use_in_bytes", nil)
	if !ok {
		return 0, errors.New("etcd has no metric of its size")
	}
	return size, nil
}

// compact removes all history from the database.
func (s *stack) compact(ctx context.Context) error {
	var status struct{ Header struct{ Revision string } }
	if err := s.callEtcd(ctx, "/v3/maintenance/status", map[string]any{}, &status); err != nil {
		return err
	}
	compaction := map[string]any{"revision": status.Header.Revision, "physical": true}
	if err := s.callEtcd(ctx, "/v3/kv/compaction", compaction, nil); err != nil && !strings.Contains(err.Error(), "compacted") {
		return err
	}
	return s.callEtcd(ctx, "/v3/maintenance/defragment", map[string]any{}, nil)
}

// valueSize returns the size of the largest of some objects of a resource.
func (s *stack) valueSize(ctx context.Context, resource string) (float64, error) {
	const limit = 500
	prefix := fmt.Sprintf("/registry/cloudsso.dev/%s/%s/", resource, s.Namespace)
	end := prefix[:len(prefix)-1] + string(prefix[len(prefix)-1]+1)
	var found struct{ Kvs []struct{ Value []byte } }
	err := s.callEtcd(ctx, "/v3/kv/range", map[string]any{
		"key": []byte(prefix), "range_end": []byte(end), "limit": limit,
	}, &found)
	largest := 0
	for _, kv := range found.Kvs {
		largest = max(largest, len(kv.Value))
	}
	return float64(largest), err
}

// etcdClient keeps a connection for each worker that seeds.
var etcdClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: seedWorkers}}

// callEtcd sends a request to etcd's JSON gateway, which has bytes in base64, as Go has. answer may be nil.
func (s *stack) callEtcd(ctx context.Context, path string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.ControlPlane.EtcdURL()+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := etcdClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return err
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("etcd %s: %s %s", path, response.Status, content)
	case answer == nil:
		return nil
	}
	return json.Unmarshal(content, answer)
}
