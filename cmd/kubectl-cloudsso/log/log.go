// Package log is kubectl cloudsso log: the provisioning log of all replicas, or what a person may read in place of it.
//
//	line.go      a line, and what a table shows of it
//	filter.go    which lines are shown
//	stream.go    the lines of one container, also after its log was read before
//	merge.go     the lines of all containers by time
//	replicas.go  the operator's Pods and their logs
//	history.go   the lines up to now
//	followed.go  when the log of a container is opened again
//	follow.go    the lines from now on
//	changes.go   the last changes and the Events, without the log
//	table.go     the table
//	reader.go    the same for the pages of the console
package log

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

// options are the flags.
type options struct {
	follow            bool
	since             time.Duration
	tail              int
	user, credential  string
	request           string
	outcomes          []string
	allNamespaces     bool
	operatorNamespace string
	isNamespaceGiven  bool // and thus that of the operator for sure
	output            string
	noHeaders         bool
}

// DefaultOperatorNamespace is that of the manifests and of the operator's own flag.
const DefaultOperatorNamespace = "cloudsso-system"

// NewCommand returns the command.
func NewCommand(p *plugin.Plugin) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "log",
		Short: "Show the provisioning log of all replicas, or the last changes of a directory",
		Long: "Shows the lines of the provisioning log that are about a directory, of all replicas, the newest last. docs/audit.md says what\n" +
			"a line means. The lines are those that the nodes still have.\n\n" +
			"It needs the right to list Pods and to read their logs in the namespace of the operator. Without it, the command shows the\n" +
			"last change of each user and group, and the Events of the directory: less, because requests that were refused and former\n" +
			"changes are not among them. In JSON, each of these has a field source, LastChange or Event, which no line of the log has.\n" +
			"So it does if the operator has no Pod in its namespace, unless --operator-namespace is given.\n\n" +
			"Lines of refused requests whose directory is not known, such as those with an unknown token, are shown with -A alone.",
		Example: "  kubectl cloudsso log -n acme --since 1h\n" +
			"  # What happened to Ada, from now on\n" +
			"  kubectl cloudsso log -n acme --user ada@example.com --tail 0 -f\n" +
			"  # Who was deactivated\n" +
			"  kubectl cloudsso log -n acme --outcome Deactivated",
		Args: plugin.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.isNamespaceGiven = cmd.Flags().Changed("operator-namespace")
			return run(cmd.Context(), p, o)
		},
	}
	o.addFlags(cmd, p)
	return cmd
}

func (o *options) addFlags(cmd *cobra.Command, p *plugin.Plugin) {
	flags := cmd.Flags()
	flags.BoolVarP(&o.follow, "follow", "f", false, "go on with the lines that are written from now on, also by replicas that start")
	flags.DurationVar(&o.since, "since", 0, "only lines that are not older, such as 10m; all if absent")
	flags.IntVar(&o.tail, "tail", -1, "only so many of the last lines; -1 for all")
	flags.StringVar(&o.user, "user", "", "only lines about the user with this userName, in any spelling, or about the user or group with this id")
	flags.StringVar(&o.credential, "credential", "", "only requests with this SCIMCredential")
	flags.StringVar(&o.request, "request", "", "only lines of the request with this id, which is the X-Request-Id of its response")
	flags.StringSliceVar(&o.outcomes, "outcome", nil, "only lines with this event or effect of docs/audit.md, such as \"Request Refused\" or Deactivated; may be repeated")
	flags.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "those of all directories")
	flags.StringVar(&o.operatorNamespace, "operator-namespace", DefaultOperatorNamespace, "the namespace of the operator")
	flags.StringVarP(&o.output, "output", "o", "", "wide, or json for the lines as they are; a table if absent")
	flags.BoolVar(&o.noHeaders, "no-headers", false, "print a table without its headers")
	for flag, complete := range map[string]cobra.CompletionFunc{
		"user": p.CompleteUserName, "credential": p.CompleteCredential, "outcome": completeOutcome,
	} {
		_ = cmd.RegisterFlagCompletionFunc(flag, complete) // it fails for an unknown flag only
	}
	plugin.CompleteOutput(cmd, "wide", "json")
}

// completeOutcome completes an outcome, in any letter case.
func completeOutcome(_ *cobra.Command, _ []string, typed string) (found []string, _ cobra.ShellCompDirective) {
	for _, outcome := range outcomes {
		if len(outcome) >= len(typed) && strings.EqualFold(outcome[:len(typed)], typed) {
			found = append(found, outcome)
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

func (o *options) validate() error {
	if o.output != "" && o.output != "wide" && o.output != "json" {
		return fmt.Errorf("--output %q: give wide or json", o.output)
	}
	if o.since < 0 {
		return fmt.Errorf("--since %s is in the future: give a time such as 10m", o.since)
	}
	return o.filter().validate()
}

// filter returns the filter of the flags, without namespace and user.
func (o *options) filter() filter {
	return filter{credential: o.credential, requestID: o.request, outcomes: o.outcomes}
}

func run(ctx context.Context, p *plugin.Plugin, o options) error {
	if err := o.validate(); err != nil {
		return err
	}
	c, namespace, err := p.Connect()
	if err != nil {
		return err
	}
	pods, err := p.ConnectPods()
	if err != nil {
		return err
	}
	if o.allNamespaces {
		namespace = ""
	}
	f := o.filter()
	f.namespace = namespace
	if o.user != "" {
		if f.user, err = findSubject(ctx, c, namespace, o.user, p.Warn); err != nil {
			return err
		}
	}
	started := p.Now()
	h, err := openHistory(ctx, replicas{pods, o.operatorNamespace}, f, o.since)
	switch {
	case apierrors.IsForbidden(err):
		return showLess(ctx, p, c, f, o, &missingLog{"you may not read the operator's log", err, "Ask for the right"})
	case errors.As(err, new(*noReplicasError)):
		missing := &missingLog{"there is no log of the operator", err, "If the operator runs as a process, as with make run, look into its own log (.run/manager.log)"}
		if o.isNamespaceGiven {
			return missing
		}
		return showLess(ctx, p, c, f, o, missing)
	case err != nil:
		return err
	}
	return showLog(ctx, p, o, h, started)
}

// missingLog says that a person cannot have the log.
type missingLog struct {
	what   string
	reason error
	advice string
}

// Error returns what is missing, why, and what to do.
func (n *missingLog) Error() string {
	return fmt.Sprintf("%s: %v. %s. If it runs in another namespace, give that with --operator-namespace", n.what, n.reason, n.advice)
}

// Unwrap returns why there is no log.
func (n *missingLog) Unwrap() error { return n.reason }

// showLess shows a person who cannot have the log what the directory has of it.
func showLess(ctx context.Context, p *plugin.Plugin, c client.Client, f filter, o options, missing *missingLog) error {
	if o.follow || len(f.outcomes) > 0 {
		return fmt.Errorf("-f and --outcome need the log: %w", missing)
	}
	p.Warn(fmt.Errorf("only the last change of each user and group, and Events, are shown: %w", missing))
	return showChanges(ctx, p, c, f, o)
}

// showLog shows the lines up to now, and then those that follow.
func showLog(ctx context.Context, p *plugin.Plugin, o options, h *history, started time.Time) error {
	lines := h.last(o.tail)
	write := lineWriter(p.Out, o)
	if err := write(lines); err != nil {
		return err
	}
	if why := h.whyNone(); len(lines) == 0 && (!o.follow || why != noLines) {
		if h.others != "" {
			why += " Use --operator-namespace."
		}
		fmt.Fprintln(p.ErrOut, plugin.Printable(why))
	}
	if !o.follow {
		return errors.Join(h.unread...)
	}
	for _, err := range h.unread {
		p.Warn(err)
	}
	f := newFollower(h, started)
	f.now, f.write, f.warn = p.Now, write, p.Warn
	return f.run(ctx)
}

// lineWriter returns a function that writes lines in the form that the flags ask for.
func lineWriter(w io.Writer, o options) func([]line) error {
	if o.output == "json" {
		return func(lines []line) error {
			for _, l := range lines {
				if _, err := fmt.Fprintf(w, "%s\n", l.text); err != nil {
					return err
				}
			}
			return nil
		}
	}
	t := newTable(w, o)
	return func(lines []line) error { return t.write(rowsOf(lines)) }
}
