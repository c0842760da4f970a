package log

import (
	"context"
	"errors"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
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
	filter    filter
	now       func() time.Time
	started   time.Time
	ago       time.Duration        // before started, from when on lines are shown; 0 for all
	positions map[string]*position // by Pod; while a log is open, it belongs to the goroutine that reads it
	open      map[string]bool
	failing   map[string]bool // Pods whose last opening failed, and "" for the list
	lines     chan line
	ended     chan end
	window    window
	write     func([]line) error
	warn      func(error)
}

// end says that the log of a Pod has ended, and why.
type end struct {
	pod string
	err error
}

// run shows lines until the context ends. A replica that restarts is read again from the line on that was read last.
func (f *follower) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f.open, f.failing = map[string]bool{}, map[string]bool{}
	f.lines, f.ended = make(chan line), make(chan end)
	look, show := time.NewTicker(podInterval), time.NewTicker(showInterval)
	defer look.Stop()
	defer show.Stop()
	f.openNew(ctx)
	for {
		select {
		case <-ctx.Done():
			return f.write(f.window.pop(f.now().Add(mergeDelay)))
		case l := <-f.lines:
			f.window.push(l, f.now())
		case e := <-f.ended:
			delete(f.open, e.pod)
			f.note(e.pod, e.err)
		case <-look.C:
			f.openNew(ctx)
		case <-show.C:
			if err := f.write(f.window.pop(f.now())); err != nil {
				return err
			}
		}
	}
}

// openNew opens the logs of running replicas that are not open, and forgets those of Pods that are gone.
func (f *follower) openNew(ctx context.Context) {
	pods, err := f.list(ctx)
	f.note("", err)
	if err != nil {
		return
	}
	known := f.positions
	f.positions = map[string]*position{}
	for pod := range f.open {
		f.positions[pod] = known[pod]
	}
	for i := range pods {
		name := pods[i].Name
		p := known[name]
		if p == nil {
			p = &position{}
		}
		f.positions[name] = p
		if stateOf(&pods[i]).isRunning && !f.open[name] {
			f.open[name] = true
			go f.follow(ctx, name, f.options(p), p)
		}
	}
}

// options returns the options by which a log is read on from a position.
func (f *follower) options(p *position) (o corev1.PodLogOptions) {
	if from := p.resume(); from != nil {
		o.SinceTime = new(metav1.NewTime(*from))
	} else if f.ago > 0 {
		o = since(f.ago + f.now().Sub(f.started))
	}
	o.Follow = true
	return o
}

func (f *follower) follow(ctx context.Context, pod string, o corev1.PodLogOptions, p *position) {
	err := f.send(ctx, pod, o, p)
	select {
	case f.ended <- end{pod, err}:
	case <-ctx.Done():
	}
}

// send sends the lines of a Pod until its log ends.
func (f *follower) send(ctx context.Context, pod string, o corev1.PodLogOptions, p *position) error {
	log, err := f.replicas.open(ctx, pod, o)
	if err != nil {
		return unreadable(pod, err)
	}
	defer log.Close()
	for s := newStream(log, f.filter, p); ; {
		l, err := s.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return unreadable(pod, err)
		}
		select {
		case f.lines <- l:
		case <-ctx.Done():
			return nil
		}
	}
}

// note warns of a failure, once until the next success.
func (f *follower) note(what string, err error) {
	if err != nil && !f.failing[what] {
		f.warn(err)
	}
	f.failing[what] = err != nil
}
