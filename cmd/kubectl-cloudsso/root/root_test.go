package root

import (
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/plugin"
)

func TestAWrongCallSaysTheForm(t *testing.T) {
	for call, want := range map[string]string{
		"user":                       "accepts 1 arg(s), received 0\nUsage: kubectl cloudsso user USERNAME [flags]\nkubectl cloudsso user --help says more",
		"credential create a b":      "accepts 1 arg(s), received 2\nUsage: kubectl cloudsso credential create NAME [flags]\n",
		"users all":                  "kubectl cloudsso users takes no argument, and \"all\" is one\nUsage: kubectl cloudsso users [flags]\n",
		"sync off":                   "kubectl cloudsso sync has no command \"off\"\nUsage: kubectl cloudsso sync COMMAND\n",
		"credential list okta":       "kubectl cloudsso credential list takes no argument, and \"okta\" is one\n",
		"credential revok okta":      "kubectl cloudsso credential has no command \"revok\": did you mean revoke?\nUsage: kubectl cloudsso credential COMMAND\n",
		"console open":               "kubectl cloudsso console has no command \"open\"\nUsage: kubectl cloudsso console [flags]\n",
		"credential create a --nope": "unknown flag: --nope\nUsage: kubectl cloudsso credential create NAME [flags]\n",
		"sync enable --for 10m":      "unknown flag: --for\nUsage: kubectl cloudsso sync enable [flags]\n",
		"user a -n":                  "flag needs an argument: 'n' in -n\nUsage: kubectl cloudsso user USERNAME [flags]\n",
	} {
		command := NewCommand(plugin.New(genericiooptions.NewTestIOStreamsDiscard()))
		command.SetArgs(strings.Fields(call))
		if err := command.Execute(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", call, err)
		}
	}
}

func TestAGroupOfCommandsShowsItsHelp(t *testing.T) {
	for _, call := range []string{"credential", "sync", "credential --help"} {
		streams, _, out, _ := genericiooptions.NewTestIOStreams()
		command := NewCommand(plugin.New(streams))
		command.SetArgs(strings.Fields(call))
		name, _, _ := strings.Cut(call, " ")
		if err := command.Execute(); err != nil || !strings.Contains(out.String(), "\nUsage:\n  kubectl cloudsso "+name+" [command]\n") {
			t.Errorf("%s: %v\n%s", call, err, out)
		}
	}
}

func TestCompletionIsThatOfKubectl(t *testing.T) {
	streams, _, out, _ := genericiooptions.NewTestIOStreams()
	command := NewCommand(plugin.New(streams))
	command.SetArgs([]string{"--help"})
	if err := command.Execute(); err != nil || strings.Contains(out.String(), "completion") {
		t.Errorf("%v\n%s", err, out)
	}
}
