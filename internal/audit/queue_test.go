package audit_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudsso/cloudsso-operator/internal/audit"
)

// hungVolume takes nothing until it is mended.
type hungVolume struct {
	bytes.Buffer
	mended chan struct{}
}

func newHungVolume() *hungVolume { return &hungVolume{mended: make(chan struct{})} }

// Write implements io.Writer.
func (v *hungVolume) Write(line []byte) (int, error) {
	<-v.mended
	return v.Buffer.Write(line)
}

func (v *hungVolume) has() int { return strings.Count(v.String(), "\n") }

func TestRequestDoesNotWaitForAVolumeThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const requests = 10_000
		volume, lost, began := newHungVolume(), 0, time.Now()
		log := audit.New(audit.Config{Log: slog.DiscardHandler, File: volume, FileResult: func(err error) {
			if err != nil {
				lost++
			}
		}})
		for range requests {
			if err := log.Begin(deactivation); err != nil {
				t.Fatal(err)
			}
			log.Write(t.Context(), deactivation)
		}
		if waited := time.Since(began); waited > 0 || lost == 0 || lost == requests {
			t.Errorf("%d requests have waited for %s, and the file will not have %d of their lines", requests, waited, lost)
		}
		close(volume.mended)
		log.Close()
		if volume.has() != requests-lost {
			t.Errorf("the file has %d lines, want %d", volume.has(), requests-lost)
		}
	})
}

func TestChangeIsRefusedAfterSecondsIfTheRequiredVolumeHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		volume, refusals, began := newHungVolume(), make(chan error), time.Now()
		log := audit.New(audit.Config{Log: slog.DiscardHandler, File: volume, Required: true})
		const requests = 10_000 // at a time
		for range requests {
			go func() { refusals <- log.Begin(deactivation) }()
		}
		for range requests {
			if err := <-refusals; err == nil {
				t.Fatal("a change may begin that the file does not have")
			}
		}
		if waited := time.Since(began); waited > 5*time.Second {
			t.Errorf("the refusals have taken %s", waited)
		}
		close(volume.mended)
		synctest.Wait()
		if err := log.Begin(deactivation); err != nil {
			t.Errorf("after the volume was mended: %v", err)
		}
		log.Close()
		if err := log.Begin(deactivation); err == nil {
			t.Error("a change may begin after the log was closed")
		}
	})
}

func TestEndDoesNotWaitForLongForAVolumeThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		volume, began := newHungVolume(), time.Now()
		log := audit.New(audit.Config{Log: slog.DiscardHandler, File: volume})
		log.Write(t.Context(), deactivation)
		log.Close()
		if waited := time.Since(began); waited != 3*time.Second {
			t.Errorf("Close has taken %s", waited)
		}
		close(volume.mended)
	})
}
