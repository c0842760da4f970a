package monitoring_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/common/model"

	"github.com/cloudsso/cloudsso-operator/test/scrape"
)

// minDocumented is how many metrics docs/metrics.md has at least, so that a table that is not recognized is noticed.
const minDocumented = 24

// documented returns the labels of each metric in the tables of docs/metrics.md.
func documented() map[string][]string {
	GinkgoHelper()
	page, err := os.ReadFile(filepath.Join(root, "docs", "metrics.md"))
	Expect(err).NotTo(HaveOccurred())
	all := map[string][]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\|([^|]*)\\|").FindAllStringSubmatch(string(page), -1) {
		labels := regexp.MustCompile(`\w+`).FindAllString(row[2], -1)
		slices.Sort(labels)
		all[row[1]] = labels
	}
	return all
}

// families returns the labels of each metric in samples. A histogram is one metric.
func families(samples model.Vector) map[string][]string {
	histograms := map[string]bool{}
	for _, s := range samples {
		if name, found := strings.CutSuffix(nameOf(s), "_bucket"); found {
			histograms[name] = true
		}
	}
	labels := map[string]map[string]bool{}
	for _, s := range samples {
		name := nameOf(s)
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if histogram, found := strings.CutSuffix(name, suffix); found && histograms[histogram] {
				name = histogram
			}
		}
		if labels[name] == nil {
			labels[name] = map[string]bool{}
		}
		for label := range s.Metric {
			if label != model.MetricNameLabel && label != model.BucketLabel {
				labels[name][string(label)] = true
			}
		}
	}
	all := map[string][]string{}
	for name := range labels {
		all[name] = slices.Sorted(maps.Keys(labels[name]))
	}
	return all
}

func nameOf(s *model.Sample) string { return string(s.Metric[model.MetricNameLabel]) }

var _ = Describe("the metrics of the operator", func() {
	It("are those of docs/metrics.md, with their labels", func(ctx SpecContext) {
		page := documented()
		Expect(len(page)).To(BeNumerically(">=", minDocumented))
		Eventually(func(g Gomega) {
			samples, err := scraped(ctx)
			g.Expect(err).NotTo(HaveOccurred())
			shown := families(samples)
			for name, labels := range page {
				g.Expect(shown).To(HaveKeyWithValue(name, ConsistOf(labels)), name)
			}
			for name := range shown {
				if strings.HasPrefix(name, "cloudsso_") {
					g.Expect(page).To(HaveKey(name), "docs/metrics.md lacks it")
				}
			}
		}).Should(Succeed())
	})

	It("have the values of the directory", func(ctx SpecContext) {
		directory := func(more model.LabelSet) model.LabelSet {
			return more.Merge(model.LabelSet{"directory": model.LabelValue(environment.Namespace)})
		}
		now := float64(time.Now().Unix())
		for _, expected := range []struct {
			name   string
			labels model.LabelSet
			value  any
		}{
			{"cloudsso_users", directory(model.LabelSet{"source": "SCIM", "state": "Active"}), 2.0},
			{"cloudsso_users", directory(model.LabelSet{"source": "SCIM", "state": "Disabled"}), 1.0},
			{"cloudsso_users", nil, 3.0},
			{"cloudsso_groups", directory(model.LabelSet{"source": "SCIM", "state": "Effective"}), 1.0},
			{"cloudsso_deactivations_withheld", directory(nil), 1.0},
			{"cloudsso_directory_synchronization_enabled", directory(nil), 1.0},
			{"cloudsso_directory_resync_needed", directory(nil), 0.0},
			{"cloudsso_directory_refused_writes", directory(nil), 0.0},
			{"cloudsso_directory_last_request_timestamp_seconds", directory(nil), BeNumerically("~", now, 300)},
			{"cloudsso_credential_expiry_timestamp_seconds", directory(model.LabelSet{"credential": "okta"}), BeNumerically("~", now+365*24*3600, 2*24*3600)},
			{"cloudsso_scim_request_duration_seconds_count", model.LabelSet{"resource": "User", "operation": "Create", "status": "201"}, 3.0},
			{"cloudsso_scim_refusals_total", model.LabelSet{"reason": "malformed"}, 1.0},
			{"cloudsso_access_revocation_duration_seconds_count", nil, BeNumerically(">=", 1)},
			{"leader_election_master_status", model.LabelSet{"name": "cloudsso-operator"}, 1.0},
		} {
			value := func() (float64, error) {
				samples, err := scraped(ctx)
				sum, _ := scrape.Sum(samples, expected.name, expected.labels)
				return sum, err
			}
			if matcher, ok := expected.value.(OmegaMatcher); ok {
				Eventually(value).Should(matcher, expected.name)
			} else {
				Eventually(value).Should(Equal(expected.value), expected.name)
			}
		}
	})
})
