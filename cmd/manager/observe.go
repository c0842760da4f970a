package main

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cloudsso/cloudsso-operator/internal/audit"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
	scimserver "github.com/cloudsso/cloudsso-operator/internal/scim/server"
	"github.com/cloudsso/cloudsso-operator/internal/scimauth"
	"github.com/cloudsso/cloudsso-operator/internal/store"
	"github.com/cloudsso/cloudsso-operator/internal/tracing"
)

// observer writes the provisioning log, the metrics and the traces of SCIM requests.
type observer struct {
	log    *audit.Log
	logger *slog.Logger
	tracer *tracing.Tracer // nil if nothing is traced
	requestMetrics

	isFileFailing atomic.Bool
}

func newObserver(config audit.Config, logger *slog.Logger, registry prometheus.Registerer) (*observer, error) {
	o := &observer{logger: logger, requestMetrics: newRequestMetrics()}
	config.FileResult = o.fileResult
	o.log = audit.New(config)
	return o, o.register(registry)
}

// close waits until the lines and spans of the last requests are written, a few seconds at most for both.
func (o *observer) close() {
	var closing sync.WaitGroup
	closing.Go(o.log.Close)
	closing.Go(o.tracer.Close)
	closing.Wait()
}

// observe counts a request and writes its line of the provisioning log, for scimserver.Options.Observe.
func (o *observer) observe(r scimserver.Record) {
	o.observeRequest(r)
	o.log.Write(context.Background(), auditRecord(r))
}

// reasonAuditUnavailable is the scim.Error.Reason of a change that the required file of the provisioning log does not take.
const reasonAuditUnavailable = "audit-unavailable"

// auditRetryAfter is how long a client is asked to wait for the file: as long as for the API server.
const auditRetryAfter = 5 * time.Second

// beforeChange records that a change was requested, for scimserver.Options.BeforeChange.
func (o *observer) beforeChange(r scimserver.Record) error {
	err := o.log.Begin(auditRecord(r))
	if err == nil {
		return nil
	}
	return &scim.Error{
		Status:     http.StatusServiceUnavailable,
		Detail:     "the provisioning log cannot be written, so nothing was changed; try again",
		RetryAfter: auditRetryAfter,
		Reason:     reasonAuditUnavailable,
		Cause:      err,
	}
}

// fileResult counts the lines that the file of the provisioning log does not have. It logs the first of them, and when the file
// takes all lines again: a full disk must not fill the operator's log.
func (o *observer) fileResult(err error) {
	if err != nil {
		o.lost.Inc()
	}
	switch wasFailing := o.isFileFailing.Swap(err != nil); {
	case err != nil && !wasFailing:
		o.logger.Error("the file of the provisioning log cannot be written; its lines are in this log only", "error", err)
	case err == nil && wasFailing:
		o.logger.Info("the file of the provisioning log can be written again")
	}
}

// auditRecord returns a request as the provisioning log has it.
func auditRecord(r scimserver.Record) audit.Record {
	namespace, credential, _ := strings.Cut(r.Subject, "/")
	record := audit.Record{
		Event:      eventOf(r),
		RequestID:  r.RequestID,
		TraceID:    r.TraceID,
		Namespace:  namespace,
		Credential: credential,
		Remote:     r.Remote, UserAgent: r.UserAgent,
		Operation: string(r.Operation), Method: r.Method, ResourceType: r.ResourceType, ID: r.ID, ExternalID: r.ExternalID,
		Added: audit.Members(r.Added), Removed: audit.Members(r.Removed),
		Status: r.Status, SCIMType: string(r.Type), Detail: r.Detail, Reason: r.Reason, Duration: r.Duration,
	}
	for _, effect := range r.Effects {
		record.Effects = append(record.Effects, string(effect))
	}
	for _, c := range r.Changes {
		record.Changes = append(record.Changes, audit.Change{Name: c.Name, Before: c.Before, After: c.After})
	}
	if r.ResourceType == "Group" {
		record.DisplayName = r.Name
	} else {
		record.UserName = r.Name
	}
	return record
}

// events are the audit events of the operations that have only one.
var events = map[scimserver.Operation]audit.Event{
	scimserver.OperationDiscovery: audit.Discovery,
	scimserver.OperationRead:      audit.ResourceRead,
	scimserver.OperationQuery:     audit.ResourcesQueried,
	scimserver.OperationReplace:   audit.ResourceReplaced,
	scimserver.OperationModify:    audit.ResourceModified,
	scimserver.OperationBulk:      audit.BulkProcessed,
	scimserver.OperationUnknown:   audit.RequestUnknown,
}

// effectEvents are the audit events of the effects that an operation has only one of.
var effectEvents = map[scimserver.Effect]audit.Event{
	scimserver.EffectCreated:       audit.ResourceCreated,
	scimserver.EffectRestored:      audit.ResourceRestored,
	scimserver.EffectAdopted:       audit.ResourceAdopted,
	scimserver.EffectDeprovisioned: audit.ResourceDeprovisioned,
	scimserver.EffectDeleted:       audit.ResourceDeleted,
}

// eventOf returns the event of a request: what it has done, or why it has done nothing.
func eventOf(r scimserver.Record) audit.Event {
	switch {
	case r.Reason == store.ReasonWithheld:
		return audit.DeactivationWithheld
	case isLimited(r):
		return audit.RequestLimited
	case r.Status == http.StatusUnauthorized, r.Status == http.StatusTooManyRequests, r.Reason == string(auth.ReasonAmbiguous):
		return audit.AuthenticationRefused
	case r.Operation == scimserver.OperationUnknown:
		return audit.RequestUnknown
	case r.Reason == scimauth.ReasonSwitchedOff, r.Reason == scimauth.ReasonNoDirectory, r.Reason == scimauth.ReasonAwaitingActivation,
		r.Reason == scimauth.ReasonNotSelected, r.Reason == scimauth.ReasonSelectionUnknown:
		return audit.SynchronizationRefused
	case r.Status >= http.StatusInternalServerError:
		return audit.RequestFailed
	case r.Status >= http.StatusBadRequest:
		return audit.RequestRefused
	}
	return doneEvent(r)
}

// doneEvent returns the event of a request that has succeeded.
func doneEvent(r scimserver.Record) audit.Event {
	for _, effect := range r.Effects {
		if event, ok := effectEvents[effect]; ok {
			return event
		}
	}
	isChange := r.Operation == scimserver.OperationReplace || r.Operation == scimserver.OperationModify
	if isChange && len(r.Changes)+len(r.Effects) == 0 && r.Added.Count+r.Removed.Count == 0 {
		return audit.ResourceUnchanged
	}
	return events[r.Operation]
}

// isLimited reports whether a request was refused because a valid credential sends too many requests, or too many large
// ones at once. An invalid credential also gets a 429, after many attempts.
func isLimited(r scimserver.Record) bool {
	switch r.Reason {
	case "", string(auth.ReasonRateLimited), scimserver.ReasonInFlight, scimserver.ReasonLargeBodies:
		return r.Status == http.StatusTooManyRequests
	}
	return false
}
