package server

import (
	"log/slog"
	"net/http"
)

// beginTrace begins the trace of a request, given why it was refused before it was carried out, if it was. Only an accepted
// credential that keeps to its limits has its requests traced, because the number of others has no bound.
func (s *server) beginTrace(req *request, refused error) {
	if s.Tracer == nil || req.record.Subject == "" {
		return
	}
	if refused != nil {
		switch statusOf(refused) {
		case http.StatusBadRequest, http.StatusUnauthorized, http.StatusTooManyRequests:
			return
		}
	}
	ctx, traceID := s.Tracer.Begin(req.Request, req.record)
	if traceID != "" {
		req.Request, req.record.TraceID = req.WithContext(ctx), traceID
	}
}

func (s *server) endTrace(req *request) {
	if req.record.TraceID != "" {
		s.Tracer.End(req.Context(), req.record)
	}
}

// ids returns the fields of a log line by which the request is found elsewhere.
func (req *request) ids() []slog.Attr {
	fields := []slog.Attr{slog.String("requestID", req.record.RequestID)}
	if req.record.TraceID != "" {
		fields = append(fields, slog.String("traceID", req.record.TraceID))
	}
	return fields
}
