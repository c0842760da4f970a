package main

import (
	"strings"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// rejectedEvent begins what client-go logs as an error if the API server has refused an Event.
const rejectedEvent = "Server rejected event"

// eventSink logs an Event that is refused because its namespace is being deleted, or gone, with the details (verbosity 1). That
// is no error: an object can still be live when the Event on it is recorded, and the Event would be deleted at once.
type eventSink struct{ logr.LogSink }

// Error implements logr.LogSink.
func (s eventSink) Error(err error, message string, keysAndValues ...any) {
	isNamespaceGoing := apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) || apierrors.IsNotFound(err)
	if !isNamespaceGoing || !strings.HasPrefix(message, rejectedEvent) {
		s.LogSink.Error(err, message, keysAndValues...)
	} else if s.Enabled(1) {
		s.Info(1, message, append(keysAndValues, "err", err.Error())...)
	}
}

// WithValues implements logr.LogSink.
func (s eventSink) WithValues(keysAndValues ...any) logr.LogSink {
	return eventSink{s.LogSink.WithValues(keysAndValues...)}
}

// WithName implements logr.LogSink.
func (s eventSink) WithName(name string) logr.LogSink {
	return eventSink{s.LogSink.WithName(name)}
}
