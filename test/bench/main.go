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

// runTimeout ends everything, whatever hangs.
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
	emptyRSS
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
	err := child(ctx, os.Args[1:])
	if errors.Is(err, errNoChild) {
		err = run(ctx, parse())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "\nbench:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to be stopped
	}
}

var errNoChild = errors.New("not a child")

// child is a baseline in a process of its own, which this program starts from itself.
func child(ctx context.Context, arguments []string) error {
	if len(arguments) == 0 {
		return errNoChild
	}
	switch arguments[0] {
	case bareCommand:
		return serveBare(ctx, arguments[1:])
	case informerCommand:
		return syncInformer(ctx)
	}
	return errNoChild
}

func parse() (o options) {
	flag.IntVar(&o.users, "users", 100_000, "users of the large directory")
	flag.IntVar(&o.groups, "groups", 0, "groups of the large directory, of ten members each, e.g. 10000")
	flag.IntVar(&o.directories, "directories", 0, "directories of a third cluster, e.g. 100; they have figures of their own")
	flag.IntVar(&o.directoryUsers, "directory-users", 500, "users of each of -directories")
	flag.BoolVar(&o.beyond, "beyond", false, "measure also what the API server bears, with config/flow-control and without it, and what etcd needs")
	flag.IntVar(&o.seats, "seats", 600, "seats of the API server under -beyond's flood, a third of them for writes; 600 are its own default")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds; each measures a figure and its baseline, in turns")
	flag.DurationVar(&o.roundTime, "round-time", 5*time.Second, "how long each side of a round takes; its first fifth is not counted")
	flag.StringVar(&o.figures, "figures", ".", "regular expression: run only measurements whose name, or a figure's, matches")
	flag.StringVar(&o.out, "out", "", "file to write the report to; by default bench/latest.json when everything is measured")
	flag.StringVar(&o.profiles, "profile", "", "folder to write CPU and heap profiles of the managers to, of each measurement, and of the API servers' first 20 seconds in each; slows them down a little")
	flag.BoolVar(&o.list, "list", false, "list the measurements and their figures, and measure nothing")
	flag.Parse()
	return o
}

func run(ctx context.Context, o options) error {
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	selected, err := o.choose(o.figures)
	if err != nil {
		return err
	}
	if o.list {
		list(selected, o.users)
		return nil
	}
	root, err := controlplane.ModuleRoot()
	if err != nil {
		return err
	}
	b := &o.bench
	b.began, b.dir = time.Now(), filepath.Join(root, ".run", "bench")
	if err := b.overlay(root); err != nil {
		return err
	}
	defer b.stop()
	figures, err := b.measure(ctx, selected)
	if err != nil {
		return err
	}
	r := b.report(figures)
	fmt.Printf("\n%s: %d cores, %s, Kubernetes %s, %s; %d users, %d rounds of %s, %s in all\n\n",
		r.Date, r.Cores, r.Go, r.Kubernetes, r.Transport, r.Users, r.Rounds, r.RoundTime, r.Duration)
	printTable(os.Stdout, figures)
	if o.out == "" && len(selected) == len(o.all()) {
		o.out = filepath.Join(root, "bench", "latest.json")
	}
	if o.out != "" {
		err = r.write(o.out)
	}
	return errors.Join(err, verdict(figures))
}

// all are the measurements of what there is to be.
func (b *bench) all() []measurement {
	all := measurements(b.users)
	if b.groups > 0 {
		all = append(b.ofGroups(), all...)
	}
	if b.directories > 0 {
		all = append(all, b.ofDirectories()...)
	}
	if b.beyond {
		all = append(all, etcdSizes(), b.floods("service account", floodingAccount), b.floods("user", floodingUser))
	}
	return all
}

// choose picks the measurements to run.
func (b *bench) choose(pattern string) (selected []measurement, err error) {
	expression, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("-figures: %w", err)
	}
	for _, m := range b.all() {
		wanted := func(r row) bool { return expression.MatchString(r.figure) }
		if expression.MatchString(m.name) || slices.ContainsFunc(m.named(b.users), wanted) {
			selected = append(selected, m)
		}
	}
	if len(selected) == 0 {
		return nil, fmt.Errorf("-figures %q matches nothing; -list shows what there is", pattern)
	}
	return selected, nil
}

func list(selected []measurement, users int) {
	for _, m := range selected {
		for _, r := range m.named(users) {
			fmt.Printf("%-16s %s\n", m.name, r.figure)
		}
	}
}

// measure starts what the measurements need, and runs them.
func (b *bench) measure(ctx context.Context, selected []measurement) ([]figure, error) {
	if err := b.start(ctx, selected); err != nil {
		return nil, err
	}
	version, err := discovery.NewDiscoveryClientForConfigOrDie(b.first().ControlPlane.Admin()).ServerVersion()
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
		end, err := b.profile(ctx, &m)
		if err != nil {
			return nil, err
		}
		done := m.run(ctx, b)
		if err := end(); err != nil {
			return nil, err
		}
		printTable(os.Stderr, done)
		figures = append(figures, done...)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
	return figures, nil
}

func (b *bench) progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%6.1fs  %s\n", time.Since(b.began).Seconds(), fmt.Sprintf(format, args...))
}

// verdict is an error when a figure could not be measured though it should. A missed target is none: it
// stands in the table.
func verdict(figures []figure) error {
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
