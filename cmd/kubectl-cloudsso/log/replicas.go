package log

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
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

// open opens a log, with the time of each line.
func (r replicas) open(ctx context.Context, l containerLog, o corev1.PodLogOptions) (io.ReadCloser, error) {
	o.Container, o.Timestamps, o.Previous = containerName, true, l.isPrevious
	return r.client.Pods(r.namespace).GetLogs(l.pod, &o).Stream(ctx)
}

// since returns the option by which a log is read from some time ago on, by the clock of its node.
func since(ago time.Duration) corev1.PodLogOptions {
	if ago <= 0 {
		return corev1.PodLogOptions{}
	}
	return corev1.PodLogOptions{SinceSeconds: new(max(1, int64(ago.Round(time.Second)/time.Second)))}
}

// containerID names one container of a Pod: a restart makes another one.
type containerID struct{ pod, container string }

// containerLog is a log of the operator that a node has.
type containerLog struct {
	containerID
	isRunning  bool
	isPrevious bool // of the container before the last restart
}

// logsOf returns the logs of a Pod, the one of the container before the last restart first. A node finds a log by the id of its
// container.
func logsOf(pod *corev1.Pod) (logs []containerLog) {
	for i := range pod.Status.ContainerStatuses {
		c := &pod.Status.ContainerStatuses[i]
		if c.Name != containerName {
			continue
		}
		if last := c.LastTerminationState.Terminated; last != nil && last.ContainerID != "" {
			logs = append(logs, containerLog{containerID: containerID{pod.Name, last.ContainerID}, isPrevious: true})
		}
		isRunning := c.State.Running != nil
		if (isRunning || c.State.Terminated != nil) && c.ContainerID != "" {
			logs = append(logs, containerLog{containerID: containerID{pod.Name, c.ContainerID}, isRunning: isRunning})
		}
	}
	return logs
}

// namespacesFlag is the flag of the operator that names the namespaces of a shard.
const namespacesFlag = "--namespaces="

// othersServed returns the namespaces that the operator of these Pods serves if a namespace is not among them; "" if it may be.
func othersServed(pods []corev1.Pod, namespace string) (others string) {
	for i := range pods {
		others = servedBy(&pods[i])
		if namespace == "" || others == "" || slices.Contains(strings.Split(others, ","), namespace) {
			return ""
		}
	}
	return others
}

// servedBy returns the namespaces that a Pod's flag names; "" if it has none.
func servedBy(pod *corev1.Pod) (namespaces string) {
	for i := range pod.Spec.Containers {
		if c := &pod.Spec.Containers[i]; c.Name == containerName {
			for _, argument := range c.Args {
				if value, is := strings.CutPrefix(argument, namespacesFlag); is {
					namespaces = value
				}
			}
		}
	}
	return namespaces
}

// unreadable says which log cannot be read.
func unreadable(pod string, err error) error {
	return fmt.Errorf("the log of Pod %s cannot be read: %w", pod, err)
}

// isGone reports whether a node does not have a log any more, by the error of its opening.
func isGone(err error) bool { return apierrors.IsNotFound(err) || apierrors.IsBadRequest(err) }
