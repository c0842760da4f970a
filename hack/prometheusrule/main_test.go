package main

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// root is the root of the repository, as the tests see it.
const root = "../.."

// runbookURL is what comes before the heading of an alert in its runbook_url.
const runbookURL = "https://github.com/cloudsso/cloudsso-operator/blob/main/docs/alerts.md#"

type rule struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func parse(t *testing.T, text string, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(text), into); err != nil {
		t.Fatal(err)
	}
}

func alerts(t *testing.T) (all []rule) {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string `json:"name"`
			Rules []rule `json:"rules"`
		} `json:"groups"`
	}
	parse(t, read(t, source), &file)
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("there are no alerts")
	}
	return all
}

func TestPrometheusRuleHasTheRules(t *testing.T) {
	written := prometheusRule(read(t, source))
	if committed := read(t, target); committed != written {
		t.Errorf("%s is stale: run make manifests", target)
	}
	var rules map[string]any
	var manifest struct {
		APIVersion string         `json:"apiVersion"`
		Kind       string         `json:"kind"`
		Metadata   map[string]any `json:"metadata"`
		Spec       map[string]any `json:"spec"`
	}
	parse(t, read(t, source), &rules)
	parse(t, written, &manifest)
	if !reflect.DeepEqual(manifest.Spec, rules) {
		t.Errorf("the spec is\n%v\nwant\n%v", manifest.Spec, rules)
	}
}

func TestEachAlertHasARunbook(t *testing.T) {
	headings := map[string]bool{}
	for _, heading := range regexp.MustCompile(`(?m)^## (CloudSSO\w+)$`).FindAllStringSubmatch(read(t, "docs/alerts.md"), -1) {
		headings[heading[1]] = true
	}
	for _, r := range alerts(t) {
		if !headings[r.Alert] {
			t.Errorf("docs/alerts.md has no section on %s", r.Alert)
		}
		delete(headings, r.Alert)
		if want := runbookURL + strings.ToLower(r.Alert); r.Annotations["runbook_url"] != want {
			t.Errorf("%s: runbook_url is %q, want %q", r.Alert, r.Annotations["runbook_url"], want)
		}
		for _, annotation := range []string{"summary", "description"} {
			if !strings.HasSuffix(r.Annotations[annotation], ".") {
				t.Errorf("%s: the %s %q is no sentence", r.Alert, annotation, r.Annotations[annotation])
			}
		}
		if severity := r.Labels["severity"]; severity != "critical" && severity != "warning" && severity != "info" {
			t.Errorf("%s: severity %q", r.Alert, severity)
		}
	}
	for heading := range headings {
		t.Errorf("docs/alerts.md has a section on %s, which is no alert", heading)
	}
}

func TestAlertsUseDocumentedMetrics(t *testing.T) {
	documented := read(t, "docs/metrics.md")
	names := regexp.MustCompile(`\b(cloudsso|leader)_\w+`)
	for _, r := range alerts(t) {
		found := names.FindAllString(r.Expr, -1)
		if len(found) == 0 {
			t.Errorf("%s uses no metric", r.Alert)
		}
		for _, name := range found {
			family := regexp.MustCompile(`_(bucket|count|sum)$`).ReplaceAllString(name, "")
			if !strings.Contains(documented, "| `"+family+"` |") {
				t.Errorf("%s uses %s, which docs/metrics.md does not have", r.Alert, family)
			}
		}
	}
}
