package plugin

import (
	"fmt"

	"github.com/schollz/progressbar/v3"
)

// NewProgress returns a bar at the standard error that shows how much of all objects is done; hidden, it shows nothing. verb is
// what is done, as in "exporting". The caller ends it by EndProgress.
func (p *Plugin) NewProgress(verb string, total int64, hidden bool) *progressbar.ProgressBar {
	options := []progressbar.Option{progressbar.OptionSetWriter(p.ErrOut), progressbar.OptionSetVisibility(!hidden)}
	if !hidden {
		options = append(options,
			progressbar.OptionSetDescription(fmt.Sprintf("%s %d objects", verb, total)),
			progressbar.OptionSetRenderBlankState(true),
			progressbar.OptionOnCompletion(func() { fmt.Fprintln(p.ErrOut) }),
		)
	}
	return progressbar.NewOptions64(total, options...)
}

// EndProgress ends the line of a bar, also of one whose objects are not all done, after the messages that wait for the bar.
func EndProgress(bar *progressbar.ProgressBar) {
	if !bar.IsFinished() {
		_ = bar.RenderBlank() // a terminal that is gone shows nothing
		_ = bar.Exit()
	}
}
