package pages

import (
	"errors"
	"net/http"
	"time"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// breakTime is how long the page offers to disable synchronization for: enough for a change by hand, and short enough that few
// requests of the provider are refused.
const breakTime = 10 * time.Minute

// switchPage says what it means to turn the switch, and offers it.
type switchPage struct {
	Directory *v1alpha1.CloudSSODirectory
	To        v1alpha1.Synchronization
	Effects   []string
	// Missed is how many refused writes a full push has to make up for.
	Missed  int64
	Choices []switchChoice
	// Warning says which tool would turn the switch back; "" if none does.
	Warning string
	// Problem is why the last form has changed nothing; "" if there was none.
	Problem string
	// Lacks is the right that the person lacks; "" if it has it.
	Lacks string
}

// switchChoice is a button.
type switchChoice struct {
	// IsBreak says that the operator turns the switch on again.
	IsBreak bool
	Label   string
	// End says when the switch is turned on again; "" if a person does that.
	End string
}

func (c *console) switchPage(r *request) (*view, error) {
	d, err := plugin.Directory(r.Context(), r.Client, r.namespace())
	if err != nil {
		return nil, err
	}
	return r.switchView(d, v1alpha1.Synchronization(r.URL.Query().Get("to")), "")
}

func (r *request) switchView(d *v1alpha1.CloudSSODirectory, to v1alpha1.Synchronization, problem string) (*view, error) {
	choices := switchChoices(d, to)
	if len(choices) == 0 {
		return nil, errNoPage
	}
	held, err := r.readRights(patchDirectory)
	if err != nil {
		return nil, err
	}
	page := switchPage{
		Directory: d, To: to, Effects: plugin.SwitchEffects(to), Choices: choices, Problem: problem, Lacks: held.Missing(patchDirectory),
	}
	if missed := policy.MissedWrites(d, r.now); missed != nil {
		page.Missed = missed.Count
	}
	if tool := plugin.SwitchTrackedBy(d); tool != "" {
		page.Warning = text("switch.tracked", tool)
	}
	return &view{Title: text("switch.title" + string(to)), template: "switch", Data: page}, nil
}

// switchChoices returns the ways to turn the switch to a position: none if there is no such position.
func switchChoices(d *v1alpha1.CloudSSODirectory, to v1alpha1.Synchronization) []switchChoice {
	switch to {
	case v1alpha1.SynchronizationEnabled:
		return []switchChoice{{Label: text("switch.enable")}}
	case v1alpha1.SynchronizationDisabled:
		return []switchChoice{
			{IsBreak: true, Label: text("switch.break"), End: plugin.SwitchEnd(d, to, breakTime)},
			{Label: text("switch.disable"), End: plugin.SwitchEnd(d, to, 0)},
		}
	}
	return nil
}

// turn turns the switch, if the directory is still the one that the page showed.
func (c *console) turn(r *request) (*view, error) {
	d, err := plugin.Directory(r.Context(), r.Client, r.namespace())
	if err != nil {
		return nil, err
	}
	to, isBreak := v1alpha1.Synchronization(r.PostFormValue("to")), r.PostFormValue("break") == checked
	if !r.showed(d) {
		return r.notTurned(d, to)
	}
	done := "turned" + string(to)
	if isBreak {
		done = "break"
		_, err = plugin.Pause(r.Context(), r.Client, d, r.now, breakTime)
	} else {
		err = plugin.Turn(r.Context(), r.Client, d, to)
	}
	if errors.Is(err, plugin.ErrChanged) {
		if d, err = plugin.Directory(r.Context(), r.Client, r.namespace()); err == nil {
			return r.notTurned(d, to)
		}
	}
	if err != nil {
		return nil, err
	}
	return r.finished(r.address("settings"), done), nil
}

// notTurned shows the page again, because the directory was changed since it was shown.
func (r *request) notTurned(d *v1alpha1.CloudSSODirectory, to v1alpha1.Synchronization) (*view, error) {
	v, err := r.switchView(d, to, text("switch.changed"))
	if err == nil {
		v.status = http.StatusConflict
	}
	return v, err
}
