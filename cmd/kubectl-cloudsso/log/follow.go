package log

import (
	"context"
	"errors"
	"io"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// podInterval is how often the replicas are looked for: a Pod that has just started has few lines.
	podInterval = 2 * time.Second
	// showInterval is how often lines are shown: often enough for a person who waits for one.
	showInterval = 200 * time.Millisecond
)

// follower follows the logs of all replicas. One goroutine for each log reads; the one that runs it does all else.
type follower struct {
	replicas
	filter  filter
	now     func() time.Time
	started time.Time // of the command
	pods    map[string]*followed
	lines   chan line
	reports chan report
	window  window
	write   func([]line) error
	warn    func(error)

	isListFailing bool
}

// report is what the goroutine that reads the logs of a Pod has to say.
type report struct {
	pod  string
	what happening
	err  error
}

type happening int

const (
	opened happening = iota
	missed           // the log of the container before the last restart was not read to its end
	ended
)

func newFollower(h *history, started time.Time) *follower {
	f := &follower{
		replicas: h.replicas, filter: h.filter, started: started,
		pods: map[string]*followed{}, lines: make(chan line), reports: make(chan report),
	}
	for pod, r := range h.read {
		f.pods[pod] = &followed{latest: r.containerLog, position: r.position, isComplete: r.isComplete, isOld: true}
	}
	return f
}

// run shows lines until the context ends, or until the API server does not know the person any more. A container is read again
// from the line on that was read last.
func (f *follower) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	look, show := time.NewTicker(podInterval), time.NewTicker(showInterval)
	defer look.Stop()
	defer show.Stop()
	err := f.openDue(ctx)
	for err == nil {
		select {
		case <-ctx.Done():
			return f.writeRest()
		case l := <-f.lines:
			f.window.push(l, f.now())
		case r := <-f.reports:
			err = f.note(r)
		case <-look.C:
			err = f.openDue(ctx)
		case <-show.C:
			err = f.write(f.window.pop(f.now()))
		}
	}
	return errors.Join(f.writeRest(), err)
}

func (f *follower) writeRest() error { return f.write(f.window.pop(f.now().Add(mergeDelay))) }

// openDue opens the logs that are due, and forgets Pods that are gone. Its error says that the API server does not know the person
// any more.
func (f *follower) openDue(ctx context.Context) error {
	pods, err := f.list(ctx)
	if apierrors.IsUnauthorized(err) {
		return err
	}
	if err != nil && !f.isListFailing && ctx.Err() == nil {
		f.warn(err)
	}
	if f.isListFailing = err != nil; err != nil {
		return nil
	}
	listed := map[string]bool{}
	for i := range pods {
		name := pods[i].Name
		listed[name] = true
		if f.pods[name] == nil {
			f.pods[name] = &followed{position: &position{}}
		}
		if logs := f.pods[name].poll(logsOf(&pods[i])); len(logs) > 0 {
			f.pods[name].open()
			go f.follow(ctx, logs, f.pods[name].position, f.pods[name].isOld)
		}
	}
	maps.DeleteFunc(f.pods, func(pod string, l *followed) bool { return !listed[pod] && !l.isOpen })
	return nil
}

// follow reads the logs of a Pod, one after the other, from a position on.
func (f *follower) follow(ctx context.Context, logs []containerLog, p *position, isOld bool) {
	for i, l := range logs {
		r := report{pod: l.pod, what: ended, err: f.send(ctx, l, p, isOld)}
		if i < len(logs)-1 {
			r.what = missed
		}
		f.report(ctx, r)
	}
}

// send sends the lines of a log until it ends. The error is nil if the log was read to its end.
func (f *follower) send(ctx context.Context, l containerLog, p *position, isOld bool) error {
	log, err := f.replicas.open(ctx, l, f.options(l, p, isOld))
	if err != nil {
		return err
	}
	defer log.Close()
	f.report(ctx, report{pod: l.pod, what: opened})
	for s := newStream(log, f.filter, p); ; {
		l, err := s.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case f.lines <- l:
		case <-ctx.Done():
			return nil
		}
	}
}

// options returns the options by which a log is read on from a position. A Pod that the command has found at its start, and of
// which no line was read, is read from that start on.
func (f *follower) options(l containerLog, p *position, isOld bool) (o corev1.PodLogOptions) {
	if from := p.resume(); from != nil {
		o.SinceTime = new(metav1.NewTime(*from))
	} else if isOld {
		o = since(f.now().Sub(f.started) + time.Second) // the option has whole seconds
	}
	o.Follow = l.isRunning
	return o
}

func (f *follower) report(ctx context.Context, r report) {
	select {
	case f.reports <- r:
	case <-ctx.Done():
	}
}

// note notes what a goroutine reports. Its error says that the API server does not know the person any more.
func (f *follower) note(r report) error {
	err := r.err
	if err != nil {
		err = unreadable(r.pod, err)
	}
	if apierrors.IsUnauthorized(err) {
		return err
	}
	isNews := err != nil
	switch r.what {
	case opened:
		f.pods[r.pod].isConnected = true
	case ended:
		isNews = f.pods[r.pod].end(r.err)
	}
	if isNews && !errors.Is(err, context.Canceled) {
		f.warn(err)
	}
	return nil
}
