package plugin

import (
	"fmt"
	"io"
	"sync"

	"k8s.io/cli-runtime/pkg/printers"
)

// progressStep is after how many objects a terminal shows how many there are: some times a second.
const progressStep = 100

// Progress shows a person at a terminal how many objects are done. Safe for concurrent use.
type Progress struct {
	w    io.Writer // nil without a terminal
	verb string
	mu   sync.Mutex
	done int
}

// NewProgress returns a Progress at the standard error. verb is what is done, as in "exported".
func (p *Plugin) NewProgress(verb string) *Progress {
	shown := &Progress{verb: verb}
	if printers.IsTerminal(p.ErrOut) {
		shown.w = p.ErrOut
	}
	return shown
}

// Add counts one object.
func (p *Progress) Add() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done++; p.w != nil && p.done%progressStep == 0 {
		fmt.Fprintf(p.w, "\r%d objects %s", p.done, p.verb)
	}
}

// End ends the line that Add has written.
func (p *Progress) End() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.w != nil {
		fmt.Fprintf(p.w, "\r%d objects %s\n", p.done, p.verb)
	}
}
