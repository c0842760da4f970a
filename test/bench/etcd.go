package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/cloudsso/cloudsso-operator/test/load"
)

const (
	// etcdUsers is how many users are created, and changed, to see what etcd needs for them.
	etcdUsers = 2000
	// etcdMembers is how large a group is grown for its slices.
	etcdMembers = 2000
	// etcdCommit is how often etcd commits what its metrics count.
	etcdCommit = time.Second
)

// etcdSizes measures what etcd needs: for what is there, and for the history between two compactions.
func etcdSizes() measurement {
	return measurement{
		name:   "etcd",
		needs:  []size{large},
		rounds: 1,
		rows: []row{
			{figure: "etcd: a user, at rest", unit: "bytes"},
			{figure: "… its value alone", unit: "bytes"},
			{figure: "… history of a create, with its status", unit: "bytes"},
			{figure: "… history of a change of a profile", unit: "bytes"},
			{figure: "… history of a deactivation, with its status", unit: "bytes"},
			{figure: "… history of a PATCH that adds 100 members", unit: "bytes"},
			{figure: "… a slice of 250 members, its value alone", unit: "bytes"},
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
	before, err := s.inUse(ctx)
	if err != nil {
		return nil, err
	}
	var created ids
	history := map[string]float64{}
	for _, part := range []struct {
		name  string
		count int
		do    load.Operation
	}{
		{"create", etcdUsers, s.post(&created)},
		{"profile", etcdUsers, func(ctx context.Context, _, n int) error {
			_, err := s.scim.Do(ctx, http.MethodPatch, "/Users/"+created.ids[n], load.SetDisplayName("Renamed"))
			return err
		}},
		{"deactivation", etcdUsers, func(ctx context.Context, _, n int) error {
			_, err := s.scim.Do(ctx, http.MethodPatch, "/Users/"+created.ids[n], load.SetActive(false))
			return err
		}},
	} {
		if history[part.name], err = s.growthOf(ctx, part.count, manyWorkers, part.do); err != nil {
			return nil, err
		}
	}
	if err := s.compact(ctx); err != nil {
		return nil, err
	}
	after, err := s.inUse(ctx)
	if err != nil {
		return nil, err
	}
	group, err := s.createGroup(ctx, "Etcd")
	if err != nil {
		return nil, err
	}
	push, err := s.growthOf(ctx, etcdMembers/pushSize, 1, s.push(group, s.seeded))
	if err != nil {
		return nil, err
	}
	user, err := s.valueSize(ctx, "cloudssousers")
	if err != nil {
		return nil, err
	}
	slice, err := s.valueSize(ctx, slicesResource)
	return one((after-before)/etcdUsers, user, history["create"], history["profile"], history["deactivation"], push, slice), err
}

// growthOf is how much each of some operations adds to the database, once their effects are stored too.
func (s *stack) growthOf(ctx context.Context, count, workers int, operation load.Operation) (float64, error) {
	before, err := s.inUse(ctx)
	if err != nil {
		return 0, err
	}
	if result := load.Run(ctx, load.Plan{Workers: workers, Count: count}, operation); result.Err != nil {
		return 0, result.Err
	}
	if err := s.settle(ctx); err != nil {
		return 0, err
	}
	after, err := s.inUse(ctx)
	return (after - before) / float64(count), err
}

// inUse is how large etcd's database is, without what is free in it.
func (s *stack) inUse(ctx context.Context) (float64, error) {
	select {
	case <-time.After(etcdCommit):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	const name = "etcd_mvcc_db_total_size_in_use_in_bytes"
	found, err := scrape(ctx, http.DefaultClient, s.ControlPlane.EtcdURL()+"/metrics", name)
	if err != nil || len(found[name]) == 0 {
		return 0, errors.Join(err, errors.New("etcd does not say how large it is"))
	}
	return found[name][0].value, nil
}

// compact forgets all history, and waits until it is gone.
func (s *stack) compact(ctx context.Context) error {
	var status struct{ Header struct{ Revision string } }
	if err := s.etcd(ctx, "/v3/maintenance/status", map[string]any{}, &status); err != nil {
		return err
	}
	compaction := map[string]any{"revision": status.Header.Revision, "physical": true}
	if err := s.etcd(ctx, "/v3/kv/compaction", compaction, nil); err != nil && !strings.Contains(err.Error(), "compacted") {
		return err
	}
	return s.etcd(ctx, "/v3/maintenance/defragment", map[string]any{}, nil)
}

// valueSize is how many bytes the largest of some objects of a resource has.
func (s *stack) valueSize(ctx context.Context, resource string) (float64, error) {
	const most = 500
	prefix := fmt.Sprintf("/registry/cloudsso.dev/%s/%s/", resource, s.Namespace)
	end := prefix[:len(prefix)-1] + string(prefix[len(prefix)-1]+1)
	var found struct{ Kvs []struct{ Value []byte } }
	err := s.etcd(ctx, "/v3/kv/range", map[string]any{
		"key": base64.StdEncoding.EncodeToString([]byte(prefix)), "range_end": base64.StdEncoding.EncodeToString([]byte(end)), "limit": most,
	}, &found)
	largest := 0
	for _, kv := range found.Kvs {
		largest = max(largest, len(kv.Value))
	}
	return float64(largest), err
}

// etcd asks etcd itself, by its gateway for JSON.
func (s *stack) etcd(ctx context.Context, path string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.ControlPlane.EtcdURL()+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		var text bytes.Buffer
		_, _ = text.ReadFrom(response.Body) // what there is of it
		return fmt.Errorf("etcd %s: %s %s", path, response.Status, text.String())
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(answer)
}
