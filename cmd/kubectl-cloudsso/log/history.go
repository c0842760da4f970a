package log

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// history are the logs of all replicas up to now.
type history struct {
	replicas
	filter filter
	opened []*reading
	read   map[string]*reading // of the latest container, by Pod
	unread []error             // why the log of a replica is missing, or its end
	others string              // the namespaces that the operator serves, if that of the filter is not among them
}

// noReplicasError says that a namespace has no Pod of the operator.
type noReplicasError struct{ namespace string }

// Error returns where the operator was looked for.
func (e *noReplicasError) Error() string {
	return fmt.Sprintf("namespace %s has no Pod with the label %s", e.namespace, podSelector)
}

// reading is a log that is read, and how far.
type reading struct {
	containerLog
	*stream
	io.Closer
	position   *position
	isComplete bool // the container has ended, and its log was read to the end
}

// openHistory opens the logs of all replicas, also those of containers that have ended. Its error is that of a person who may
// read none, or of a namespace without replicas.
func openHistory(ctx context.Context, r replicas, f filter, ago time.Duration) (*history, error) {
	pods, err := r.list(ctx)
	if err != nil {
		return nil, err
	}
	if len(pods) == 0 {
		return nil, &noReplicasError{r.namespace}
	}
	h := &history{replicas: r, filter: f, read: map[string]*reading{}, others: othersServed(pods, f.namespace)}
	for i := range pods {
		for _, l := range logsOf(&pods[i]) {
			if err := h.open(ctx, l, since(ago)); err != nil {
				h.close()
				return nil, err
			}
		}
	}
	return h, nil
}

// open opens a log. Its error is that of a person who may not read it.
func (h *history) open(ctx context.Context, l containerLog, o corev1.PodLogOptions) error {
	r := &reading{containerLog: l, position: &position{}}
	h.read[l.pod] = r
	log, err := h.replicas.open(ctx, l, o)
	switch {
	case err == nil:
		r.Closer, r.stream = log, newStream(log, h.filter, r.position)
		h.opened = append(h.opened, r)
	case apierrors.IsForbidden(err):
		return err
	case !l.isPrevious || !isGone(err):
		h.unread = append(h.unread, unreadable(l.pod, err))
	}
	return nil
}

func (h *history) close() {
	for _, r := range h.opened {
		_ = r.Close() // it was only read
	}
}

// last returns the last lines of all replicas; all of them if the limit is below zero.
func (h *history) last(limit int) []line {
	defer h.close()
	t := tail{limit: limit}
	streams := make([]*stream, len(h.opened))
	for i, r := range h.opened {
		streams[i] = r.stream
	}
	for i, err := range merge(streams, t.add) {
		r := h.opened[i]
		if r.isComplete = errors.Is(err, io.EOF) && !r.isRunning; errors.Is(err, io.EOF) {
			continue
		}
		h.unread = append(h.unread, unreadable(r.pod, err))
		if limit >= 0 {
			*r.position = position{} // the rest of it may have more lines than the limit
		}
	}
	return t.cut()
}

const (
	noLines    = "No lines found."
	noLog      = "No lines found: no container of the operator in namespace %s has a log yet."
	noJSON     = "No lines found: the operator in namespace %s does not log as JSON, so its lines cannot be read. Start it without --zap-devel and --zap-encoder=console."
	notServing = "No lines found: the operator in namespace %s serves other directories only (--namespaces=%s). Give the namespace of the shard that serves %s."
)

// whyNone says why no line was found.
func (h *history) whyNone() string {
	var all counts
	for _, r := range h.opened {
		all.lines, all.objects = all.lines+r.counts.lines, all.objects+r.counts.objects
	}
	switch {
	case h.others != "":
		return fmt.Sprintf(notServing, h.namespace, h.others, h.filter.namespace)
	case len(h.opened) == 0 && len(h.unread) == 0:
		return fmt.Sprintf(noLog, h.namespace)
	case all.lines > 0 && all.objects == 0:
		return fmt.Sprintf(noJSON, h.namespace)
	}
	return noLines
}
