//go:build monitoring

package monitoring_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
)

const (
	// prometheusTimeout is how long Prometheus may take to be ready, and to have scraped and evaluated often enough.
	prometheusTimeout = time.Minute
	// rateInterval stands for Grafana's $__rate_interval: several scrapes, which are a second apart.
	rateInterval = "30s"
)

// server is the URL of a Prometheus that scrapes the operator and evaluates the alerts.
var server string

// configuration scrapes the operator as docs/metrics.md says.
const configuration = `
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
- job_name: cloudsso-operator
  scheme: https
  authorization: {credentials_file: %q}
  tls_config: {insecure_skip_verify: true}
  static_configs: [{targets: [%q]}]
`

func init() { beforeSpecs = startPrometheus }

// startPrometheus starts Prometheus, and waits until it has scraped the operator.
func startPrometheus(ctx context.Context) {
	GinkgoHelper()
	dir := GinkgoT().TempDir()
	rules, err := filepath.Abs(rulesFile)
	Expect(err).NotTo(HaveOccurred())
	target, err := url.Parse(metricsURL)
	Expect(err).NotTo(HaveOccurred())
	token, config := filepath.Join(dir, "token"), filepath.Join(dir, "prometheus.yaml")
	Expect(os.WriteFile(token, []byte(metricsToken), 0o600)).To(Succeed())
	Expect(os.WriteFile(config, fmt.Appendf(nil, configuration, rules, token, target.Host), 0o600)).To(Succeed())
	address := freeAddress()
	command := exec.Command(program("prometheus"), "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	session, err := gexec.Start(command, GinkgoWriter, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Eventually(session.Terminate(), prometheusTimeout).Should(gexec.Exit()) })
	server = "http://" + address
	Eventually(func() (answer, error) { return ask(ctx, `up{job="cloudsso-operator"} == 1`) }, prometheusTimeout).Should(HaveField("Result", HaveLen(1)))
}

// freeAddress returns an address on which nothing listened a moment ago.
func freeAddress() string {
	GinkgoHelper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	defer listener.Close()
	return listener.Addr().String()
}

// answer is what Prometheus answers to a query.
type answer struct {
	Result []struct {
		Metric map[string]string `json:"metric"`
	} `json:"result"`
}

// ask evaluates an expression now.
func ask(ctx context.Context, expr string) (a answer, err error) {
	return a, call(ctx, "/api/v1/query?"+url.Values{"query": {expr}}.Encode(), &a)
}

// call reads the data of an answer of Prometheus.
func call(ctx context.Context, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server+path, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var envelope struct {
		Status string          `json:"status"`
		Error  string          `json:"error"`
		Data   json.RawMessage `json:"data"`
	}
	if err := json.NewDecoder(response.Body).Decode(&envelope); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if envelope.Status != "success" {
		return fmt.Errorf("%s: %s", path, envelope.Error)
	}
	return json.Unmarshal(envelope.Data, into)
}

// dashboard is the committed dashboard of Grafana.
type dashboard struct {
	Panels []struct {
		Type    string `json:"type"`
		Title   string `json:"title"`
		Targets []struct {
			Expr string `json:"expr"`
		} `json:"targets"`
	} `json:"panels"`
	Templating struct {
		List []struct {
			Type  string `json:"type"`
			Name  string `json:"name"`
			Query string `json:"query"`
		} `json:"list"`
	} `json:"templating"`
}

func readDashboard() (d dashboard) {
	GinkgoHelper()
	content, err := os.ReadFile(filepath.Join(root, "config", "prometheus", "dashboard", "cloudsso-operator.json"))
	Expect(err).NotTo(HaveOccurred())
	Expect(json.Unmarshal(content, &d)).To(Succeed())
	return d
}

// panelQuery is one query of a panel of the dashboard.
type panelQuery struct{ panel, expr string }

// fallback is what a query answers with if nothing has happened.
const fallback = " or vector(0)"

// occurring takes the fallback from a query, which answers with it whatever its metric is called, and asks for what happens in each
// run in place of what only a fault brings.
var occurring = strings.NewReplacer(fallback, "", `status=~"5.."`, `status=~"2.."`, `code="409"`, `code="200"`, " == 0)", ")")

// panelQueries returns the queries of the dashboard, with values for Grafana's variables. A query with a fallback is there without
// it too.
func panelQueries() (all []panelQuery) {
	GinkgoHelper()
	variables := strings.NewReplacer("$__rate_interval", rateInterval, "$directory", environment.Namespace)
	for _, panel := range readDashboard().Panels {
		Expect(panel.Type == "row" || len(panel.Targets) > 0).To(BeTrue(), "%s shows nothing", panel.Title)
		for _, target := range panel.Targets {
			expr := variables.Replace(target.Expr)
			all = append(all, panelQuery{panel.Title, expr})
			if strings.Contains(expr, fallback) {
				all = append(all, panelQuery{panel.Title, occurring.Replace(expr)})
			}
		}
	}
	return all
}

var _ = Describe("Prometheus", func() {
	It("answers each query of the dashboard", func(ctx SpecContext) {
		queries := panelQueries()
		Expect(queries).NotTo(BeEmpty())
		for _, query := range queries {
			Expect(query.expr).NotTo(ContainSubstring("$"), query.panel)
			Eventually(func() (answer, error) { return ask(ctx, query.expr) }, prometheusTimeout).Should(
				HaveField("Result", Not(BeEmpty())), "%s: %s", query.panel, query.expr)
		}
	})

	It("has the values of each variable of the dashboard", func(ctx SpecContext) {
		values := regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)
		asked := 0
		for _, variable := range readDashboard().Templating.List {
			if variable.Type != "query" {
				continue
			}
			match := values.FindStringSubmatch(variable.Query)
			Expect(match).NotTo(BeNil(), variable.Query)
			Eventually(func() (answer, error) { return ask(ctx, match[1]) }, prometheusTimeout).Should(
				HaveField("Result", ContainElement(HaveField("Metric", HaveKeyWithValue(match[2], environment.Namespace)))), variable.Name)
			asked++
		}
		Expect(asked).To(BeNumerically(">", 0))
	})

	It("has every metric of each alert", func(ctx SpecContext) {
		for _, rule := range alertRules() {
			for _, name := range regexp.MustCompile(`\b(cloudsso|leader)_\w+`).FindAllString(rule.Expr, -1) {
				Eventually(func() (answer, error) { return ask(ctx, name) }, prometheusTimeout).Should(
					HaveField("Result", Not(BeEmpty())), "%s: %s", rule.Alert, name)
			}
		}
	})

	It("evaluates each alert, and only that of the withheld deactivation fires", func(ctx SpecContext) {
		var rules struct {
			Groups []struct {
				Rules []struct {
					Name      string `json:"name"`
					Health    string `json:"health"`
					LastError string `json:"lastError"`
					State     string `json:"state"`
				} `json:"rules"`
			} `json:"groups"`
		}
		Eventually(func(g Gomega) {
			g.Expect(call(ctx, "/api/v1/rules", &rules)).To(Succeed())
			evaluated := 0
			for _, group := range rules.Groups {
				for _, rule := range group.Rules {
					evaluated++
					g.Expect(rule.Health).To(Equal("ok"), "%s: %s", rule.Name, rule.LastError)
					if rule.Name == "CloudSSODeactivationsWithheld" {
						g.Expect(rule.State).To(Equal("firing"))
					} else {
						g.Expect(rule.State).NotTo(Equal("firing"), rule.Name)
					}
				}
			}
			g.Expect(evaluated).To(Equal(len(alertRules())))
		}, prometheusTimeout).Should(Succeed())
	})
})
