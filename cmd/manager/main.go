// Command manager is the operator: the SCIM service and the controllers.
package main

import (
	"flag"
	"fmt"
	"log/slog"
	"math"
	"os"
	"slices"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"
	uberzap "go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// version is set by the build.
var version = "devel"

func main() {
	var o options
	o.bind(pflag.CommandLine)
	logging := zap.Options{}
	logging.BindFlags(flag.CommandLine)
	pflag.CommandLine.AddGoFlagSet(flag.CommandLine)
	pflag.Parse()
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&logging)))

	collectSeldom()
	ctrl.Log.Info("Starting cloudsso-operator", "version", version)
	if err := run(ctrl.SetupSignalHandler(), o, provisioningLog(logging)); err != nil {
		fmt.Fprintln(os.Stderr, "manager:", err)
		os.Exit(1)
	}
}

// provisioningLog is like the other log, but has every line: zap drops most of more than a hundred lines a second
// that say the same, unless its level is far below what anybody asks for. A refusal's line needs no stack trace.
func provisioningLog(o zap.Options) slog.Handler {
	asked := o.Level
	if asked == nil && o.Development {
		asked = zapcore.DebugLevel
	} else if asked == nil {
		asked = zapcore.InfoLevel
	}
	o.Level, o.StacktraceLevel = zapcore.Level(math.MinInt8), zapcore.PanicLevel
	o.ZapOpts = append(slices.Clone(o.ZapOpts), uberzap.IncreaseLevel(asked))
	return logr.ToSlogHandler(zap.New(zap.UseFlagOptions(&o)).WithName("scim"))
}
