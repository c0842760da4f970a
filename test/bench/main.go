package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/cloudsso/cloudsso-operator/test/controlplane"
)

// runTimeout ends a run in which something hangs.
const runTimeout = 2 * time.Hour

// bench is one run.
type bench struct {
	users, groups, rounds int
	directories           int
	directoryUsers        int
	beyond                bool
	seats                 int
	roundTime             time.Duration
	dir, profiles         string
	began                 time.Time
	kubernetes            string

	stacks map[size]*stack
	// emptyRSS is the resident memory of an idle operator without users, in bytes; 0 until it is measured.
	emptyRSS float64
	observations
}

type options struct {
	bench
	out, figures string
	list         bool
}

func main() {
	log.SetLogger(zap.New(zap.WriteTo(os.Stderr)))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := runBaseline(ctx, os.Args[1:])
	if errors.Is(err, errNoBaseline) {
		err = run(ctx, parseOptions())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "\nbench:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to be stopped
	}
}

var errNoBaseline = errors.New("the arguments do not name a baseline")

// runBaseline runs a baseline. This program starts itself with its name, so that it is a process of its own.
func runBaseline(ctx context.Context, arguments []string) error {
	if len(arguments) == 0 {
		return errNoBaseline
	}
	switch arguments[0] {
	case bareCommand:
		return serveBare(ctx, arguments[1:])
	case informerCommand:
		return syncInformer(ctx)
	}
	return errNoBaseline
}

func parseOptions() (o options) {
	flag.IntVar(&o.users, "users", 100_000, "users of the large directory")
	flag.IntVar(&o.groups, "groups", 0, "groups of the large directory, of ten members each, e.g. 10000")
	flag.IntVar(&o.directories, "directories", 0, "directories of a third cluster, e.g. 100; they add figures")
	flag.IntVar(&o.directoryUsers, "directory-users", 500, "users of each of -directories")
	flag.BoolVar(&o.beyond, "beyond", false, "measure also deactivations while clients flood the API server, with config/flow-control and without it, and the bytes that etcd stores")
	flag.IntVar(&o.seats, "seats", 600, "seats of the API server under -beyond's flood, a third of them for writes; 600 is its default")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds; each measures a figure and its baseline, in turns")
	flag.DurationVar(&o.roundTime, "round-time", 5*time.Second, "duration of each side of a round; its first fifth is not counted")
	flag.StringVar(&o.figures, "figures", ".", "regular expression: run only measurements whose name, or a figure's, matches")
	flag.StringVar(&o.out, "out", "", "file to write the report to; by default test/bench/latest.json if everything is measured")
	flag.StringVar(&o.profiles, "profile", "", "folder for CPU profiles of the managers and API servers, of the first 20 seconds of each measurement, and for heap profiles of the managers; they slow down what is measured a little")
	flag.BoolVar(&o.list, "list", false, "list the measurements and their figures, and measure nothing")
	flag.Parse()
	return o
}

func run(ctx context.Context, o options) error {
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	b := &o.bench
	selected, err := b.selectMeasurements(o.figures)
	if err != nil {
		return err
	}
	if o.list {
		listFigures(selected, o.users)
		return nil
	}
	root, err := controlplane.ModuleRoot()
	if err != nil {
		return err
	}
	b.began, b.dir = time.Now(), filepath.Join(root, ".run", "bench")
	defer b.stop()
	figures, err := b.measure(ctx, selected)
	if err != nil {
		return err
	}
	r := b.report(figures)
	fmt.Printf("\n%s: %d cores, %s, Kubernetes %s, %s; %d users, %d rounds of %s, %s in all\n\n",
		r.Date, r.Cores, r.Go, r.Kubernetes, r.Transport, r.Users, r.Rounds, r.RoundTime, r.Duration)
	printTable(os.Stdout, figures)
	if o.out == "" && len(selected) == len(b.measurements()) {
		o.out = filepath.Join(root, "test", "bench", "latest.json")
	}
	if o.out != "" {
		err = r.write(o.out)
	}
	return errors.Join(err, checkFigures(figures))
}

// selectMeasurements returns the measurements that match a regular expression.
func (b *bench) selectMeasurements(pattern string) (selected []measurement, err error) {
	expression, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("-figures: %w", err)
	}
	for _, m := range b.measurements() {
		matches := func(r row) bool { return expression.MatchString(r.figure) }
		if expression.MatchString(m.name) || slices.ContainsFunc(m.namedRows(b.users), matches) {
			selected = append(selected, m)
		}
	}
	if len(selected) == 0 {
		return nil, fmt.Errorf("-figures %q matches no measurement and no figure; -list shows them", pattern)
	}
	return selected, nil
}

func listFigures(selected []measurement, users int) {
	for _, m := range selected {
		for _, r := range m.namedRows(users) {
			fmt.Printf("%-16s %s\n", m.name, r.figure)
		}
	}
}

// measure starts the stacks that the measurements need, seeds them, and runs the measurements.
func (b *bench) measure(ctx context.Context, selected []measurement) ([]figure, error) {
	if err := b.start(ctx, selected); err != nil {
		return nil, err
	}
	version, err := discovery.NewDiscoveryClientForConfigOrDie(b.anyStack().ControlPlane.Admin()).ServerVersion()
	if err != nil {
		return nil, err
	}
	b.kubernetes = version.GitVersion
	for _, m := range selected {
		if m.before == nil {
			continue
		}
		b.progress("%s, while the directory is empty", m.name)
		if err := m.before(ctx, b); err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
	}
	if err := b.seed(ctx); err != nil {
		return nil, err
	}
	var figures []figure
	for _, m := range selected {
		b.progress("%s", m.name)
		p, err := b.startProfiles(ctx, &m)
		if err != nil {
			return nil, err
		}
		measured := m.run(ctx, b)
		if err := p.finish(ctx); err != nil {
			return nil, err
		}
		printTable(os.Stderr, measured)
		figures = append(figures, measured...)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
	return figures, nil
}

func (b *bench) progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%6.1fs  %s\n", time.Since(b.began).Seconds(), fmt.Sprintf(format, args...))
}

// checkFigures returns an error if a measurement failed. A missed target is no error: the table shows it.
func checkFigures(figures []figure) error {
	var failed []string
	missed := 0
	for _, f := range figures {
		if f.Failure != "" {
			failed = append(failed, f.Figure)
		}
		if f.Met != nil && !*f.Met {
			missed++
		}
	}
	fmt.Printf("\n%d targets missed, %d figures failed\n", missed, len(failed))
	if len(failed) > 0 {
		return fmt.Errorf("these figures failed: %s", strings.Join(failed, "; "))
	}
	return nil
}
