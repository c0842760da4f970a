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
		"users all":                  "Usage: kubectl cloudsso users [flags]\n",
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

func TestCompletionIsThatOfKubectl(t *testing.T) {
	streams, _, out, _ := genericiooptions.NewTestIOStreams()
	command := NewCommand(plugin.New(streams))
	command.SetArgs([]string{"--help"})
	if err := command.Execute(); err != nil || strings.Contains(out.String(), "completion") {
		t.Errorf("%v\n%s", err, out)
	}
}
