package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// stopTimeout is how long the Pods of a Deployment may take to end: more than three times their terminationGracePeriodSeconds.
	stopTimeout = 150 * time.Second
	// stopInterval is how often the Pods are listed; the operator takes seconds to end.
	stopInterval = time.Second
)

// stopDeployment scales a Deployment to no replicas, and returns when its Pods are gone. It succeeds if there is no such
// Deployment.
func stopDeployment(ctx context.Context, c client.Client, key client.ObjectKey) error {
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
	err := c.Get(ctx, key, deployment)
	if err != nil {
		return client.IgnoreNotFound(err)
	}
	none := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"replicas":0}}`))
	if err := c.SubResource("scale").Patch(ctx, deployment, none, client.WithSubResourceBody(&autoscalingv1.Scale{})); err != nil {
		return fmt.Errorf("stopping Deployment %s: %w", key, err)
	}
	selector, err := metav1.LabelSelectorAsSelector(deployment.Spec.Selector)
	if err != nil {
		return fmt.Errorf("finding the Pods of Deployment %s: %w", key, err)
	}
	running := 0
	var listed error // an API server that is away for a moment is asked again
	err = wait.PollUntilContextTimeout(ctx, stopInterval, stopTimeout, true, func(ctx context.Context) (bool, error) {
		var pods corev1.PodList
		listed = c.List(ctx, &pods, client.InNamespace(key.Namespace), client.MatchingLabelsSelector{Selector: selector})
		if listed == nil {
			running = countRunning(pods.Items)
		}
		return listed == nil && running == 0, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for the end of %d Pods of Deployment %s: %w", running, key, errors.Join(err, listed))
	}
	return nil
}

// countRunning returns how many Pods may have a process. A Pod that was evicted, or whose node has shut down, stays for a
// person to look at.
func countRunning(pods []corev1.Pod) (running int) {
	for _, pod := range pods {
		if pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed {
			running++
		}
	}
	return running
}
