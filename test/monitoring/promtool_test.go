//go:build monitoring

package monitoring_test

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"
)

const (
	rulesFile     = root + "/config/prometheus/rules/rules.yaml"
	unitTestsFile = "testdata/alerts.yaml"
	longTestsFile = "testdata/days.yaml"
)

// program returns the path of a program of Prometheus.
func program(name string) string {
	GinkgoHelper()
	folder := os.Getenv("PROMETHEUS_ASSETS")
	Expect(folder).NotTo(BeEmpty(), "PROMETHEUS_ASSETS must name the folder of prometheus and promtool: run make test-monitoring")
	return filepath.Join(folder, name)
}

// promtool runs promtool, which must succeed.
func promtool(ctx SpecContext, input string, arguments ...string) {
	GinkgoHelper()
	command := exec.CommandContext(ctx, program("promtool"), arguments...)
	command.Stdin = strings.NewReader(input)
	output, err := command.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(output))
}

// exposition returns the metrics of the operator as it serves them.
func exposition(ctx SpecContext) string {
	GinkgoHelper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, metricsURL, nil)
	Expect(err).NotTo(HaveOccurred())
	response, err := reader().Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	Expect(err).NotTo(HaveOccurred())
	Expect(string(text)).To(ContainSubstring("cloudsso_build_info"))
	return string(text)
}

func readYAML(path string, into any) {
	GinkgoHelper()
	content, err := os.ReadFile(path)
	Expect(err).NotTo(HaveOccurred())
	Expect(yaml.Unmarshal(content, into)).To(Succeed())
}

type alertRule struct {
	Alert string `json:"alert"`
	Expr  string `json:"expr"`
}

// alertRules returns the alerts.
func alertRules() (all []alertRule) {
	GinkgoHelper()
	var file struct {
		Groups []struct {
			Rules []alertRule `json:"rules"`
		} `json:"groups"`
	}
	readYAML(rulesFile, &file)
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	Expect(all).NotTo(BeEmpty())
	return all
}

var _ = Describe("promtool", func() {
	It("accepts the alerts, and their unit tests pass", func(ctx SpecContext) {
		promtool(ctx, "", "check", "rules", "--lint-fatal", rulesFile)
		promtool(ctx, "", "test", "rules", unitTestsFile, longTestsFile)
	})

	It("finds nothing wrong with the metrics of the operator", func(ctx SpecContext) {
		promtool(ctx, exposition(ctx), "check", "metrics")
	})
})

var _ = Describe("the unit tests of the alerts", func() {
	It("have each alert fire, and not fire", func() {
		var tests struct {
			Tests []struct {
				Checks []struct {
					Expr    string `json:"expr"`
					Samples []any  `json:"exp_samples"`
				} `json:"promql_expr_test"`
			} `json:"tests"`
		}
		readYAML(unitTestsFile, &tests)
		fires, rests := map[string]bool{}, map[string]bool{}
		for _, test := range tests.Tests {
			for _, check := range test.Checks {
				if len(check.Samples) > 0 {
					fires[check.Expr] = true
				} else {
					rests[check.Expr] = true
				}
			}
		}
		for _, rule := range alertRules() {
			expr := `ALERTS{alertname="` + rule.Alert + `",alertstate="firing"}`
			Expect(fires).To(HaveKey(expr), "it fires in no test")
			Expect(rests).To(HaveKey(expr), "it fires in every test")
		}
	})
})
