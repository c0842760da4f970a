package main

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// lease is a lease that an API server stores once, and is away after that.
type lease struct{ writes atomic.Int32 }

func (l *lease) Get(context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	return nil, nil, apierrors.NewNotFound(schema.GroupResource{Resource: "leases"}, l.Describe())
}

func (l *lease) Create(context.Context, resourcelock.LeaderElectionRecord) error {
	if l.writes.Add(1) > 1 {
		return errors.New("connection refused")
	}
	return nil
}

func (l *lease) Update(context.Context, resourcelock.LeaderElectionRecord) error {
	return errors.New("connection refused")
}
func (l *lease) RecordEvent(string) {}
func (l *lease) Identity() string   { return "replica" }
func (l *lease) Describe() string   { return "lease" }

// newTerm returns a manager that is the leader until it could not renew its lease for a time.
func newTerm(t *testing.T, renew time.Duration) manager.Manager {
	t.Helper()
	duration, retry := 2*renew, 100*time.Millisecond
	mgr, err := ctrl.NewManager(&rest.Config{Host: "https://127.0.0.1:1"}, ctrl.Options{
		Logger: logr.Discard(), Scheme: runtime.NewScheme(), Metrics: server.Options{BindAddress: "0"},
		MapperProvider: func(*rest.Config, *http.Client) (meta.RESTMapper, error) { return meta.NewDefaultRESTMapper(nil), nil },
		LeaderElection: true, LeaderElectionResourceLockInterface: &lease{},
		LeaseDuration: &duration, RenewDeadline: &renew, RetryPeriod: &retry,
	})
	if err != nil {
		t.Fatal(err)
	}
	return mgr
}

// A term that ends for any other reason than its lease is an error, which an administrator has to see.
func TestLostLeaseIsToldFromAnError(t *testing.T) {
	if err := newTerm(t, 500*time.Millisecond).Start(t.Context()); !isLeaseLost(err) {
		t.Errorf("a lost lease: %v", err)
	}
	broken := newTerm(t, time.Minute)
	err := broken.Add(manager.RunnableFunc(func(context.Context) error { return errors.New("no such informer") }))
	if err != nil {
		t.Fatal(err)
	}
	if err := broken.Start(t.Context()); isLeaseLost(err) {
		t.Errorf("a controller that fails: %v", err)
	}
}

// countingLock counts what is stored, and fails if it is told to.
type countingLock struct {
	lease
	stored []resourcelock.LeaderElectionRecord
	err    error
}

func (l *countingLock) Update(_ context.Context, next resourcelock.LeaderElectionRecord) error {
	if l.err == nil {
		l.stored = append(l.stored, next)
	}
	return l.err
}

func TestARenewalIsStoredOnceInAnInterval(t *testing.T) {
	began := time.Now()
	record := func(holder string, transitions int, after time.Duration) resourcelock.LeaderElectionRecord {
		return resourcelock.LeaderElectionRecord{HolderIdentity: holder, LeaderTransitions: transitions, RenewTime: metav1.NewTime(began.Add(after))}
	}
	broken := errors.New("connection refused")
	counting := &countingLock{}
	lock := &sparingLock{Interface: counting, interval: time.Second}
	for _, step := range []struct {
		name     string
		next     resourcelock.LeaderElectionRecord
		err      error
		isStored bool
	}{
		{"the lease is acquired", record("replica", 1, 0), nil, true},
		{"a renewal soon after", record("replica", 1, 200*time.Millisecond), nil, false},
		{"a renewal just before the interval ends", record("replica", 1, 999*time.Millisecond), nil, false},
		{"a renewal that fails", record("replica", 1, time.Second), broken, false},
		{"its repetition", record("replica", 1, 1200*time.Millisecond), nil, true},
		{"a renewal soon after the repetition", record("replica", 1, 1400*time.Millisecond), nil, false},
		{"the lease is given up", record("", 1, 1600*time.Millisecond), nil, true},
		{"the lease is acquired again", record("replica", 2, 1800*time.Millisecond), nil, true},
	} {
		before := len(counting.stored)
		counting.err = step.err
		if err := lock.Update(t.Context(), step.next); !errors.Is(err, step.err) {
			t.Errorf("%s: %v", step.name, err)
		}
		if isStored := len(counting.stored) > before; isStored != step.isStored {
			t.Errorf("%s: stored %v, want %v", step.name, isStored, step.isStored)
		}
	}
}
