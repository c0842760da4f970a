// Command manager is the operator: the SCIM service and the controllers.
package main

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"slices"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"
	"go.opentelemetry.io/otel"
	uberzap "go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"google.golang.org/grpc/grpclog"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/cloudsso/cloudsso-operator/internal/auth"
)

// version is set by the build.
var version = "devel"

func main() {
	var o options
	o.bind(pflag.CommandLine)
	logging := zap.Options{DestWriter: redactingWriter{os.Stderr}}
	logging.BindFlags(flag.CommandLine)
	pflag.CommandLine.AddGoFlagSet(flag.CommandLine)
	pflag.Parse()
	setLoggers(zap.New(zap.UseFlagOptions(&logging)))

	if o.showVersion {
		fmt.Println("cloudsso-operator", version)
		return
	}
	if o.removeBindings {
		if err := removeBindings(ctrl.SetupSignalHandler(), o, os.Stdout); err != nil {
			ctrl.Log.Error(err, "Removing the projected bindings has failed")
			os.Exit(1)
		}
		return
	}
	ctrl.Log.Info("Starting cloudsso-operator", "version", version)
	if err := run(ctrl.SetupSignalHandler(), o, provisioningLog(logging)); err != nil {
		ctrl.Log.Error(err, "The operator has ended")
		os.Exit(1)
	}
}

// setLoggers makes every line of the process one of the logger's: those of controller-runtime, those of client-go, which come
// through klog, those of OpenTelemetry, the errors of gRPC, and those of net/http, which come through the standard library's
// default logger.
func setLoggers(logger logr.Logger) {
	withEvents := logger.WithSink(eventSink{logger.GetSink()}) // client-go logs Events by the manager's logger or klog's
	ctrl.SetLogger(withEvents)
	klog.SetLogger(withEvents.WithName("client-go"))
	otel.SetLogger(logger.WithName("opentelemetry"))
	grpcErrors := slog.NewLogLogger(logr.ToSlogHandler(logger.WithName("grpc")), slog.LevelError).Writer()
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, grpcErrors)) // gRPC logs its errors alone by default too
	slog.SetDefault(slog.New(logr.ToSlogHandler(logger.WithName("net"))))
}

// redactingWriter redacts tokens in the operator's logs, which write one line at a time.
type redactingWriter struct{ to io.Writer }

// Write implements io.Writer.
func (w redactingWriter) Write(line []byte) (int, error) {
	if _, err := io.WriteString(w.to, auth.Redact(string(line))); err != nil {
		return 0, err
	}
	return len(line), nil
}

// provisioningLog returns a handler that writes like the operator's other log, but without sampling and stack traces.
// With sampling, zap drops most of more than a hundred equal lines a second. It does not sample if its level is far below
// the levels in use, so IncreaseLevel filters instead.
func provisioningLog(o zap.Options) slog.Handler {
	level := o.Level
	if level == nil && o.Development {
		level = zapcore.DebugLevel
	} else if level == nil {
		level = zapcore.InfoLevel
	}
	o.Level, o.StacktraceLevel = zapcore.Level(math.MinInt8), zapcore.PanicLevel
	o.ZapOpts = append(slices.Clone(o.ZapOpts), uberzap.IncreaseLevel(level))
	return logr.ToSlogHandler(zap.New(zap.UseFlagOptions(&o)).WithName("scim"))
}
