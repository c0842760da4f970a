package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/test/load"
)

const (
	// floodWorkers is how many clients list all users at the same time.
	floodWorkers = 200
	// floodTime is how long users are deactivated, one after the other: longer than the service's own timeout.
	floodTime = 40 * time.Second
	// flooder is the name of the identity that floods.
	flooder = "flooder"
	// flowSchemaHeader names the flow schema of a request.
	flowSchemaHeader = "X-Kubernetes-PF-FlowSchema-UID"
	// flowName is the name of the flow schema and of the priority level in config/flow-control.
	flowName = "cloudsso-operator"
)

// floodMeasurement measures deactivations while other clients flood the API server, with config/flow-control and without
// it.
func (b *bench) floodMeasurement(kind string, identity func(context.Context, *stack) (*rest.Config, error)) measurement {
	var rows []row
	for _, quantile := range []struct {
		name  string
		value float64
	}{{"p50", 0.5}, {"p99", 0.99}} {
		for _, how := range []string{"without", "with"} {
			rows = append(rows, row{
				figure: fmt.Sprintf("deactivation %s while %d clients of a %s list all users, %s flow control", quantile.name, floodWorkers, kind, how),
				unit:   "ms", quantile: quantile.value,
			})
		}
	}
	return measurement{
		name: "flood-" + strings.ReplaceAll(kind, " ", "-"), needs: []size{large}, rows: rows, maxRounds: 1,
		round: func(ctx context.Context, b *bench, _ int) ([][]float64, error) {
			s := b.stacks[large]
			if err := s.limitSeats(ctx, b.seats); err != nil {
				return nil, err
			}
			flooding, err := identity(ctx, s)
			if err != nil {
				return nil, err
			}
			without, err := b.deactivateUnderFlood(ctx, s, flooding, "without")
			if err != nil {
				return nil, err
			}
			if err := s.applyFlowControl(ctx); err != nil {
				return nil, err
			}
			with, err := b.deactivateUnderFlood(ctx, s, flooding, "with")
			// No waitIdle: a leader that lost its lease in the API server's restart leaves work queues that never empty.
			return [][]float64{without, with, without, with}, errors.Join(err, s.removeFlowControl(ctx))
		},
	}
}

// limitSeats restarts the API server with so many seats, and waits until the service reaches it again.
func (s *stack) limitSeats(ctx context.Context, seats int) error {
	if err := s.ControlPlane.LimitRequests(seats*2/3, seats/3); err != nil {
		return err
	}
	return wait.PollUntilContextTimeout(ctx, pollInterval, effectTimeout, true, func(ctx context.Context) (bool, error) {
		_, err := s.scim.Do(ctx, http.MethodPatch, "/Users/"+s.seeded[0], load.SetActive(false))
		return err == nil, nil // until then, 503
	})
}

// deactivateUnderFlood deactivates users over SCIM while other clients list, and returns how long each took.
func (b *bench) deactivateUnderFlood(ctx context.Context, s *stack, flooding *rest.Config, how string) ([]float64, error) {
	c, err := rest.HTTPClientFor(flooding)
	if err != nil {
		return nil, err
	}
	url := s.apiServerURL("/apis/cloudsso.dev/v1alpha1/cloudssousers")
	floodCtx, endFlood := context.WithCancel(ctx)
	defer endFlood()
	var flood sync.WaitGroup
	var listed load.Result
	flood.Go(func() {
		listed = load.Run(floodCtx, load.Plan{Workers: floodWorkers}, func(ctx context.Context, _, _ int) error {
			_ = fetch(ctx, c, url) // the API server may refuse it
			return nil
		})
	})
	began := time.Now()
	samples, refused, err := s.deactivateOneByOne(ctx)
	took := time.Since(began)
	endFlood()
	flood.Wait()
	b.observe("deactivations "+how, float64(len(samples)))
	b.observe("answered 503 "+how, float64(refused))
	b.observe("lists/s "+how, float64(len(listed.Latencies))/took.Seconds())
	return samples, err
}

// fetch reads a URL and discards the answer.
func fetch(ctx context.Context, c *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := c.Do(request)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return errors.Join(err, response.Body.Close())
}

// deactivateOneByOne deactivates users, each once. One that is answered 503 counts with the time until that answer.
func (s *stack) deactivateOneByOne(ctx context.Context) (samples []float64, refused int, err error) {
	for until := time.Now().Add(floodTime); time.Now().Before(until); {
		path := "/Users/" + s.seeded[int(s.tags.Add(1))%len(s.seeded)]
		began := time.Now()
		_, err := s.scim.Do(ctx, http.MethodPatch, path, load.SetActive(false))
		samples = append(samples, milliseconds(time.Since(began)))
		var refusal *load.Refusal
		switch {
		case errors.As(err, &refusal) && refusal.Status == http.StatusServiceUnavailable:
			refused++
		case err != nil:
			return nil, refused, err
		}
	}
	return samples, refused, nil
}

// applyFlowControl applies config/flow-control, and returns when it applies to the operator's requests.
func (s *stack) applyFlowControl(ctx context.Context) error {
	if err := s.ControlPlane.Apply(ctx, "flow-control"); err != nil {
		return err
	}
	schema := &flowcontrolv1.FlowSchema{}
	if err := s.Admin.Get(ctx, client.ObjectKey{Name: flowName}, schema); err != nil {
		return err
	}
	c, err := rest.HTTPClientFor(s.operator)
	if err != nil {
		return err
	}
	url := s.apiServerURL("/apis/cloudsso.dev/v1alpha1/namespaces/" + rawNamespace + "/cloudssodirectories")
	return wait.PollUntilContextTimeout(ctx, pollInterval, effectTimeout, true, func(ctx context.Context) (bool, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return false, err
		}
		response, err := c.Do(request)
		if err != nil {
			return false, err
		}
		return response.Header.Get(flowSchemaHeader) == string(schema.UID), response.Body.Close()
	})
}

func (s *stack) removeFlowControl(ctx context.Context) error {
	return errors.Join(
		s.Admin.Delete(ctx, &flowcontrolv1.FlowSchema{ObjectMeta: metav1.ObjectMeta{Name: flowName}}),
		s.Admin.Delete(ctx, &flowcontrolv1.PriorityLevelConfiguration{ObjectMeta: metav1.ObjectMeta{Name: flowName}}))
}

// floodingAccount returns the identity of another controller: a service account, whose requests share the operator's
// priority level unless config/flow-control is applied.
func floodingAccount(ctx context.Context, s *stack) (*rest.Config, error) {
	for _, o := range []client.Object{
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: rawNamespace, Name: flooder}},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: flooder},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: rawNamespace, Name: flooder}},
		},
	} {
		if err := s.Admin.Create(ctx, o); err != nil && !apierrors.IsAlreadyExists(err) {
			return nil, err
		}
	}
	return s.ControlPlane.ServiceAccount(ctx, rawNamespace, flooder)
}

// floodingUser returns the identity of a person, whose requests are in the default priority level.
func floodingUser(ctx context.Context, s *stack) (*rest.Config, error) {
	return s.ControlPlane.ClusterAdmin(ctx, flooder)
}
