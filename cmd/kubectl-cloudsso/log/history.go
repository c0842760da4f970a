package log

import (
	"context"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// history are the logs of all replicas up to now.
type history struct {
	replicas
	filter    filter
	streams   []*stream
	logs      []io.Closer
	positions map[string]*position // of what is read of the present containers, by Pod
	unread    []error              // why the log of a replica is missing
}

// openHistory opens the logs of all replicas, also those of containers that have ended. Its error is that of a person who may
// read none, or of a namespace without replicas.
func openHistory(ctx context.Context, r replicas, f filter, ago time.Duration) (*history, error) {
	pods, err := r.list(ctx)
	if err != nil {
		return nil, err
	}
	if len(pods) == 0 {
		return nil, fmt.Errorf("namespace %s has no Pod with the label %s: give the operator's namespace with --operator-namespace", r.namespace, podSelector)
	}
	h := &history{replicas: r, filter: f, positions: map[string]*position{}}
	for i := range pods {
		if err := h.openPod(ctx, &pods[i], since(ago)); err != nil {
			h.close()
			return nil, err
		}
	}
	return h, nil
}

// openPod opens the logs of a Pod: that of the container that ran last, too, if the node still has it.
func (h *history) openPod(ctx context.Context, pod *corev1.Pod, o corev1.PodLogOptions) error {
	s := stateOf(pod)
	if s.hasPrevious {
		previous := o
		previous.Previous = true
		if err := h.open(ctx, pod.Name, previous, &position{}); apierrors.IsForbidden(err) {
			return err
		}
	}
	if !s.hasLog {
		return nil
	}
	h.positions[pod.Name] = &position{}
	err := h.open(ctx, pod.Name, o, h.positions[pod.Name])
	if err != nil && !apierrors.IsForbidden(err) {
		h.unread = append(h.unread, unreadable(pod.Name, err))
		return nil
	}
	return err
}

func (h *history) open(ctx context.Context, pod string, o corev1.PodLogOptions, p *position) error {
	log, err := h.replicas.open(ctx, pod, o)
	if err == nil {
		h.streams, h.logs = append(h.streams, newStream(log, h.filter, p)), append(h.logs, log)
	}
	return err
}

func (h *history) close() {
	for _, log := range h.logs {
		_ = log.Close() // it was only read
	}
}

// last returns the last lines of all replicas; all of them if the limit is below zero.
func (h *history) last(limit int) ([]line, error) {
	defer h.close()
	t := tail{limit: limit}
	err := merge(h.streams, t.add)
	return t.cut(), err
}
