package log

import (
	"context"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
)

const (
	// podSelector selects the operator's Pods: manifests and chart give them this label.
	podSelector = "app.kubernetes.io/name=cloudsso-operator"
	// containerName is the operator's container in them. Others may be injected.
	containerName = "manager"
)

// replicas are the operator's Pods in a namespace.
type replicas struct {
	client    corev1client.PodsGetter
	namespace string
}

// list returns the Pods.
func (r replicas) list(ctx context.Context) ([]corev1.Pod, error) {
	pods, err := r.client.Pods(r.namespace).List(ctx, metav1.ListOptions{LabelSelector: podSelector})
	if err != nil {
		return nil, err
	}
	return pods.Items, nil
}

// open opens the log of a Pod, with the time of each line.
func (r replicas) open(ctx context.Context, pod string, o corev1.PodLogOptions) (io.ReadCloser, error) {
	o.Container, o.Timestamps = containerName, true
	return r.client.Pods(r.namespace).GetLogs(pod, &o).Stream(ctx)
}

// since returns the option by which a log is read from some time ago on, by the clock of its node.
func since(ago time.Duration) corev1.PodLogOptions {
	if ago <= 0 {
		return corev1.PodLogOptions{}
	}
	return corev1.PodLogOptions{SinceSeconds: new(max(1, int64(ago.Round(time.Second)/time.Second)))}
}

// state says which logs the operator's container of a Pod has.
type state struct {
	isRunning   bool
	hasLog      bool // of the present container, which may have ended
	hasPrevious bool // of the one that ran before it
}

func stateOf(pod *corev1.Pod) (s state) {
	for i := range pod.Status.ContainerStatuses {
		if c := &pod.Status.ContainerStatuses[i]; c.Name == containerName {
			s.isRunning = c.State.Running != nil
			s.hasLog = s.isRunning || c.State.Terminated != nil
			s.hasPrevious = c.LastTerminationState.Terminated != nil
		}
	}
	return s
}

// unreadable says which log cannot be read.
func unreadable(pod string, err error) error {
	return fmt.Errorf("the log of Pod %s cannot be read: %w", pod, err)
}
