package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/client-go/rest"
)

// profileTime is how long a measurement is profiled from its beginning. pprof must be told the duration beforehand, and
// that of a measurement is not known then.
const profileTime = 20 * time.Second

// profiles are those that are being taken of one measurement.
type profiles struct {
	bench       *bench
	measurement *measurement
	running     sync.WaitGroup
}

// startProfiles starts CPU profiles of the managers and API servers that a measurement needs, if -profile asks for them.
func (b *bench) startProfiles(ctx context.Context, m *measurement) (*profiles, error) {
	p := &profiles{bench: b, measurement: m}
	if b.profiles == "" {
		return p, nil
	}
	if err := os.MkdirAll(b.profiles, 0o755); err != nil {
		return nil, err
	}
	for _, size := range m.needs {
		s := b.stacks[size]
		c, err := rest.HTTPClientFor(s.ControlPlane.Admin())
		if err != nil {
			return nil, err
		}
		p.startCPU(ctx, c, s.apiServerURL("/debug/pprof"), fmt.Sprintf("%s-apiserver", s.size))
		p.startCPU(ctx, http.DefaultClient, s.Manager.PprofURL, fmt.Sprintf("%s-manager", s.size))
	}
	return p, nil
}

// startCPU does not fail the run if there is no profile: a measurement may restart the process.
func (p *profiles) startCPU(ctx context.Context, c *http.Client, url, process string) {
	p.running.Go(func() {
		if err := p.save(ctx, c, fmt.Sprintf("%s/profile?seconds=%.0f", url, profileTime.Seconds()), process+"-cpu"); err != nil {
			p.bench.progress("no CPU profile of %s: %v", process, err)
		}
	})
}

// finish waits for the CPU profiles, and writes heap profiles of the managers.
func (p *profiles) finish(ctx context.Context) error {
	p.running.Wait()
	if p.bench.profiles == "" {
		return nil
	}
	var failures []error
	for _, size := range p.measurement.needs {
		failures = append(failures, p.save(ctx, http.DefaultClient, p.bench.stacks[size].Manager.PprofURL+"/heap", fmt.Sprintf("%s-manager-heap", size)))
	}
	return errors.Join(failures...)
}

func (p *profiles) save(ctx context.Context, c *http.Client, url, name string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := c.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	profile, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return os.WriteFile(filepath.Join(p.bench.profiles, p.measurement.name+"-"+name+".pprof"), profile, 0o644)
}
