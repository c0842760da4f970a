package quickstart

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloudsso/cloudsso-operator/test/controlplane"
)

func TestManagerHasTheEnvironmentOfItsContainer(t *testing.T) {
	root, err := controlplane.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	deployment, err := os.ReadFile(filepath.Join(root, "config", "manager", "deployment.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"{name: GOMEMLIMIT, value: " + memoryLimit + "}", `{name: GOGC, value: "` + garbageCollection + `"}`} {
		if !strings.Contains(string(deployment), want) {
			t.Errorf("config/manager/deployment.yaml does not have %s", want)
		}
	}
}
