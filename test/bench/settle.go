package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

const (
	// settleTimeout is more than 100,000 statuses take.
	settleTimeout  = 15 * time.Minute
	settleInterval = 100 * time.Millisecond
	// quietPolls is how often in a row the queues must be found empty: events may be on their way.
	quietPolls = 4
	// statusTimeout is when statuses are given up that are long late.
	statusTimeout = time.Minute
)

// settle waits until the controllers have nothing left to do, so that no round carries another's work.
func (s *stack) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	ticker := time.NewTicker(settleInterval)
	defer ticker.Stop()
	for quiet := 0; quiet < quietPolls; {
		busy, err := s.busy(ctx)
		if err != nil {
			return err
		}
		if quiet++; busy {
			quiet = 0
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("the controllers did not settle: %w", ctx.Err())
		}
	}
	return nil
}

// uncompressed is a client of the managers' metrics that does not have them spend time on compressing.
var uncompressed = &http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: settleTimeout}

// busy reports whether the first replica has anything in its work queues. Only the leader has.
func (s *stack) busy(ctx context.Context) (bool, error) {
	const depth, unfinished = "workqueue_depth", "workqueue_unfinished_work_seconds"
	found, err := scrape(ctx, uncompressed, s.Manager.MetricsURL, depth, unfinished)
	if err != nil {
		return false, err
	}
	for _, metrics := range found {
		for _, m := range metrics {
			if m.value > 0 {
				return true, nil
			}
		}
	}
	return false, nil
}

// revision is that of the newest write of a user.
func (s *stack) revision(ctx context.Context) (string, error) {
	var list v1alpha1.CloudSSOUserList
	err := s.raw.List(ctx, &list, client.InNamespace(s.Namespace), client.Limit(1))
	return list.ResourceVersion, err
}

// awaitStatuses waits until each of the users has a status. It follows what was written since a revision,
// after the load and not beside it, so that the load does not pay for being watched.
func (s *stack) awaitStatuses(ctx context.Context, since string, ids []string) error {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	missing := make(map[string]bool, len(ids))
	for _, id := range ids {
		missing[id] = true
	}
	w, err := s.raw.Watch(ctx, &v1alpha1.CloudSSOUserList{}, client.InNamespace(s.Namespace),
		&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: since}})
	if err != nil {
		return err
	}
	defer w.Stop()
	for len(missing) > 0 {
		u, err := nextUser(ctx, w)
		if err != nil {
			return fmt.Errorf("%d of %d users have no status: %w", len(missing), len(ids), err)
		}
		if u.Status.State != "" {
			delete(missing, u.Name)
		}
	}
	return nil
}

func nextUser(ctx context.Context, w watch.Interface) (*v1alpha1.CloudSSOUser, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case event, open := <-w.ResultChan():
		if !open {
			return nil, errors.New("the watch ended")
		}
		if u, ok := event.Object.(*v1alpha1.CloudSSOUser); ok {
			return u, nil
		}
		return nil, apierrors.FromObject(event.Object)
	}
}
