package main

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestPodsThatHaveEndedAreNotWaitedFor(t *testing.T) {
	pods := []corev1.Pod{{}, {}, {}, {}}
	pods[0].Status.Phase, pods[1].Status.Phase, pods[2].Status.Phase = corev1.PodFailed, corev1.PodSucceeded, corev1.PodRunning
	pods[3].Status.Phase = corev1.PodPending
	if n := countRunning(pods); n != 2 {
		t.Errorf("%d Pods are waited for", n)
	}
}
