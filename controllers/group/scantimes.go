package group

import (
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// sliceInterval is how often a group is reconciled at most because its slices change: a push writes many, and each
	// reconcile looks at all members.
	sliceInterval = time.Second
	// membersInterval is the same for its own list: a push changes it many times a second, and each write of the status
	// delays the next change at the API server.
	membersInterval = 500 * time.Millisecond
	// scanShare bounds the scans of one group to one part in twenty of the time: a scan of a hundred thousand members takes
	// some tenths of a second, and a push needs the processor.
	scanShare = 20
	// maxPause bounds how late the status of a large group may come, on whatever machine.
	maxPause = 30 * time.Second
)

// scanTimes remembers how long it took to scan the members of each large group. The zero value is empty.
type scanTimes struct{ byGroup sync.Map }

// record notes how long a scan took; 0 for a group that is gone.
func (s *scanTimes) record(group client.ObjectKey, took time.Duration) {
	if took*scanShare <= sliceInterval {
		s.byGroup.Delete(group)
		return
	}
	s.byGroup.Store(group, took)
}

// pause returns how long the next scan of a group waits; 0 if the group is not known to be large.
func (s *scanTimes) pause(group client.ObjectKey) time.Duration {
	if took, isLarge := s.byGroup.Load(group); isLarge {
		return min(took.(time.Duration)*scanShare, maxPause) //nolint:errcheck,forcetypeassert // record stores nothing else
	}
	return 0
}
