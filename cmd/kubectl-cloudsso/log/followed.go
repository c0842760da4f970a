package log

// followed is a Pod whose logs are followed. While one is open, the position belongs to the goroutine that reads it.
type followed struct {
	latest      containerLog // as it was when the list was read last
	position    *position    // in the logs of all containers of the Pod, because each has later lines than the one before
	isOld       bool         // the Pod was found when the command began
	isComplete  bool         // the latest container has ended, and its log was read to the end or is gone
	isOpen      bool         // a goroutine reads
	isConnected bool         // and has got a response
	isFailing   bool         // the failure was warned of
	polls       int          // since it was opened
	pause       int          // how many polls the Pod rests after the next end
	rest        int          // how many polls it still rests
}

// maxPause is how many polls a Pod rests at most: half a minute. A log whose streams always end soon is then read twice a minute.
const maxPause = 15

// poll notes which logs the list of Pods has, and returns those to read now. After a restart these are also the lines that the
// container before has written since. A container that has ended is read at once, because its node may soon delete its log.
func (l *followed) poll(logs []containerLog) (due []containerLog) {
	l.polls++
	if l.isOpen {
		l.isFailing = l.isFailing && !l.isConnected
		return nil
	}
	if len(logs) == 0 {
		return nil
	}
	before, latest := l.latest, logs[len(logs)-1]
	l.latest = latest
	if latest != before {
		l.rest, l.isComplete = 0, false
	}
	switch {
	case l.isComplete:
		return nil
	case l.rest > 0:
		l.rest--
		return nil
	case latest.containerID != before.containerID:
		return logs
	}
	return logs[len(logs)-1:]
}

func (l *followed) open() { l.isOpen, l.isConnected, l.polls = true, false, 0 }

// end notes why a log has ended, and reports whether to warn of it. If logs end soon after they were opened, the Pod rests
// longer each time.
func (l *followed) end(err error) (warn bool) {
	l.isOpen = false
	l.isComplete = !l.latest.isRunning && (err == nil || isGone(err))
	if l.polls >= maxPause {
		l.pause = 0
	}
	l.rest, l.pause = l.pause, min(2*l.pause+1, maxPause)
	warn = err != nil && !l.isFailing
	l.isFailing = err != nil
	return warn
}
