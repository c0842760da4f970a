package pages

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/log"
)

// A person who sees a refusal reads the same words on the page as in the documentation, so both know the same ones.
func TestAdviceIsForTheReasonsOfTheDocumentation(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	section := regexp.MustCompile(`(?ms)^## A SCIM answer\n(.*?)^## `).FindSubmatch(page)
	if section == nil {
		t.Fatal("docs/troubleshooting.md has no section on answers")
	}
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\| (\d{3}[^|]*) \|`).FindAllSubmatch(section[1], -1) {
		for _, reason := range regexp.MustCompile("`([a-z-]+)`").FindAllSubmatch(row[1], -1) {
			documented[string(reason[1])] = true
		}
	}
	for reason := range documented {
		if texts["advice."+reason] == "" {
			t.Errorf("there is no advice for %q", reason)
		}
	}
	for key := range texts {
		name, isAdvice := strings.CutPrefix(key, "advice.")
		if _, err := strconv.Atoi(name); isAdvice && err != nil && name != "other" && !documented[name] {
			t.Errorf("docs/troubleshooting.md has no row for %q", name)
		}
	}
}

func TestAdvice(t *testing.T) {
	for _, c := range []struct {
		row  log.Row
		want string // key
	}{
		{log.Row{Status: "401", Reason: "expired"}, "advice.expired"},
		{log.Row{Status: "409", SCIMType: "uniqueness"}, "advice.uniqueness"},
		{log.Row{Status: "503", Reason: "starting"}, "advice.starting"},
		{log.Row{Status: "507"}, "advice.507"},
		{log.Row{Status: "418"}, "advice.other"},
	} {
		if got := adviceOf(c.row); got != text(c.want) {
			t.Errorf("%+v: got %q", c.row, got)
		}
	}
	for _, row := range []log.Row{{Status: "201"}, {Outcome: "Modify"}} {
		if got := adviceOf(row); got != "" {
			t.Errorf("%+v: got %q", row, got)
		}
	}
}

func TestRefusalsAreOutcomes(t *testing.T) {
	for _, outcome := range refusals {
		if !slices.Contains(log.Outcomes(), outcome) {
			t.Errorf("the log has no outcome %q", outcome)
		}
	}
}
