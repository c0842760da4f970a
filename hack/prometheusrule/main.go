// Command prometheusrule writes the alerts of config/prometheus/rules/rules.yaml as a PrometheusRule, which the Prometheus
// operator reads. It is run from the root of the repository.
package main

import (
	"fmt"
	"os"
	"strings"
)

const (
	source = "config/prometheus/rules/rules.yaml"
	target = "config/prometheus/rules/prometheusrule.yaml"
)

const header = `# Written by "make manifests" from rules.yaml.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: cloudsso-operator
  namespace: cloudsso-system
  labels: {app.kubernetes.io/name: cloudsso-operator}
spec:
`

func main() {
	rules, err := os.ReadFile(source)
	if err == nil {
		err = os.WriteFile(target, []byte(prometheusRule(string(rules))), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// prometheusRule returns the manifest whose spec is a file of rules, without the comments before the first group.
func prometheusRule(rules string) string {
	var b strings.Builder
	b.WriteString(header)
	isBeforeGroups := true
	for line := range strings.Lines(rules) {
		isBeforeGroups = isBeforeGroups && strings.HasPrefix(line, "#")
		if !isBeforeGroups {
			b.WriteString("  " + line)
		}
	}
	return b.String()
}
