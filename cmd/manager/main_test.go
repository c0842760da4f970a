package main

import (
	"bytes"
	"flag"
	"net/http"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/cloudsso/cloudsso-operator/internal/audit"
)

// The provisioning log has every line of its level, also in a burst of equal lines, which zap would sample.
func TestProvisioningLogIsComplete(t *testing.T) {
	const burst = 1000
	created, read := audit.Record{Event: audit.ResourceCreated, Status: http.StatusCreated}, audit.Record{Event: audit.ResourceRead, Status: http.StatusOK}
	for _, c := range []struct {
		flags          string
		created, reads int
	}{
		{"", burst, 0},
		{"--zap-log-level=info", burst, 0},
		{"--zap-log-level=debug", burst, burst},
		{"--zap-log-level=5", burst, burst},
		{"--zap-devel", burst, burst},
		{"--zap-log-level=error", 0, 0},
	} {
		var out bytes.Buffer
		o := zap.Options{DestWriter: &out}
		flags := flag.NewFlagSet("manager", flag.ContinueOnError)
		o.BindFlags(flags)
		if err := flags.Parse(strings.Fields(c.flags)); err != nil {
			t.Fatal(err)
		}
		log := audit.New(audit.Config{Log: provisioningLog(o)})
		for range burst {
			log.Write(t.Context(), created)
			log.Write(t.Context(), read)
		}
		if n := strings.Count(out.String(), string(audit.ResourceCreated)); n != c.created {
			t.Errorf("%q: %d of %d creates, want %d", c.flags, n, burst, c.created)
		}
		if n := strings.Count(out.String(), string(audit.ResourceRead)); n != c.reads {
			t.Errorf("%q: %d of %d reads, want %d", c.flags, n, burst, c.reads)
		}
	}
	var out bytes.Buffer
	audit.New(audit.Config{Log: provisioningLog(zap.Options{DestWriter: &out})}).Write(t.Context(), audit.Record{Event: audit.ResourceRead, Status: http.StatusServiceUnavailable})
	if line := out.String(); !strings.Contains(line, `"level":"error"`) || strings.Contains(line, "stacktrace") {
		t.Errorf("logged %s", line)
	}
}
