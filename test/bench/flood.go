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
	// floodWorkers is how many list all users at a time.
	floodWorkers = 200
	// floodTime is how long users leave, one after the other: longer than one that the service gives up on.
	floodTime = 40 * time.Second
	// flooder is the service account that floods.
	flooder = "flooder"
	// schemaHeader names the flow schema of a request.
	schemaHeader = "X-Kubernetes-PF-FlowSchema-UID"
)

// floods measures deactivations while others flood the API server, with config/flow-control and without it.
func (b *bench) floods(who string, identity func(context.Context, *stack) (*rest.Config, error)) measurement {
	var rows []row
	for _, quantile := range []struct {
		name  string
		value float64
	}{{"p50", 0.5}, {"p99", 0.99}} {
		for _, how := range []string{"without", "with"} {
			rows = append(rows, row{
				figure: fmt.Sprintf("deactivation %s while %d clients of a %s list all users, %s flow control", quantile.name, floodWorkers, who, how),
				unit:   "ms", quantile: quantile.value,
			})
		}
	}
	return measurement{
		name: "flood-" + strings.ReplaceAll(who, " ", "-"), needs: []size{large}, rows: rows, rounds: 1,
		round: func(ctx context.Context, b *bench, _ int) ([][]float64, error) {
			s := b.stacks[large]
			if err := s.seat(ctx, b.seats); err != nil {
				return nil, err
			}
			flooding, err := identity(ctx, s)
			if err != nil {
				return nil, err
			}
			without, err := b.underFlood(ctx, s, flooding, "without")
			if err != nil {
				return nil, err
			}
			if err := s.controlFlow(ctx); err != nil {
				return nil, err
			}
			with, err := b.underFlood(ctx, s, flooding, "with")
			// There is no settling: the queues of a term that the API server's restart ended are never seen empty.
			return [][]float64{without, with, without, with}, errors.Join(err, s.uncontrolFlow(ctx))
		},
	}
}

// seat restarts the API server with so many seats, and waits until the service has found it again.
func (s *stack) seat(ctx context.Context, seats int) error {
	if err := s.ControlPlane.LimitRequests(seats*2/3, seats/3); err != nil {
		return err
	}
	return wait.PollUntilContextTimeout(ctx, settleInterval, statusTimeout, true, func(ctx context.Context) (bool, error) {
		_, err := s.scim.Do(ctx, http.MethodPatch, "/Users/"+s.seeded[0], load.SetActive(false))
		return err == nil, nil // until then, 503
	})
}

// underFlood deactivates users through the service while others list, and returns how long each took.
func (b *bench) underFlood(ctx context.Context, s *stack, flooding *rest.Config, how string) ([]float64, error) {
	c, err := rest.HTTPClientFor(flooding)
	if err != nil {
		return nil, err
	}
	url := strings.TrimSuffix(flooding.Host, "/") + "/apis/cloudsso.dev/v1alpha1/cloudssousers"
	flood, end := context.WithCancel(ctx)
	var all sync.WaitGroup
	var listed load.Result
	all.Go(func() {
		listed = load.Run(flood, load.Plan{Workers: floodWorkers}, func(ctx context.Context, _, _ int) error {
			_ = fetch(ctx, c, url) // a refusal is what a flood gets
			return nil
		})
	})
	began := time.Now()
	samples, refused, err := s.leaveOneByOne(ctx)
	took := time.Since(began)
	end()
	all.Wait()
	b.observe("leavers "+how, float64(len(samples)))
	b.observe("answered 503 "+how, float64(refused))
	b.observe("lists/s "+how, float64(len(listed.Latencies))/took.Seconds())
	return samples, err
}

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

// leaveOneByOne deactivates users, each once. One that is answered 503 took as long as that, for a start.
func (s *stack) leaveOneByOne(ctx context.Context) (samples []float64, refused int, err error) {
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

// controlFlow applies config/flow-control, and returns when the operator's requests go by it.
func (s *stack) controlFlow(ctx context.Context) error {
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
	return wait.PollUntilContextTimeout(ctx, settleInterval, statusTimeout, true, func(ctx context.Context) (bool, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(s.operator.Host, "/")+"/apis/cloudsso.dev/v1alpha1/namespaces/raw/cloudssodirectories", nil)
		if err != nil {
			return false, err
		}
		response, err := c.Do(request)
		if err != nil {
			return false, err
		}
		return response.Header.Get(schemaHeader) == string(schema.UID), response.Body.Close()
	})
}

// flowName is that of the flow schema and of the priority level in config/flow-control.
const flowName = "cloudsso-operator"

func (s *stack) uncontrolFlow(ctx context.Context) error {
	return errors.Join(
		s.Admin.Delete(ctx, &flowcontrolv1.FlowSchema{ObjectMeta: metav1.ObjectMeta{Name: flowName}}),
		s.Admin.Delete(ctx, &flowcontrolv1.PriorityLevelConfiguration{ObjectMeta: metav1.ObjectMeta{Name: flowName}}))
}

// floodingAccount is another controller: a service account, whose requests are in the operator's priority level as
// long as nothing else is said.
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

// floodingUser is a person, whose requests are in the priority level of everybody else.
func floodingUser(ctx context.Context, s *stack) (*rest.Config, error) {
	return s.ControlPlane.ClusterAdmin(ctx, flooder)
}
