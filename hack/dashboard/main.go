// Command dashboard writes the Grafana dashboard of the operator to its standard output.
//
//	panels.go  what it shows
//	main.go    how that becomes a dashboard
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// Grafana's grid has 24 columns.
const (
	statWidth, statHeight   = 4, 4
	graphWidth, graphHeight = 8, 8
)

func main() {
	built, err := newDashboard().Build()
	var encoded []byte
	if err == nil {
		encoded, err = json.MarshalIndent(built, "", "  ")
	}
	if err == nil {
		_, err = fmt.Printf("%s\n", encoded)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func newDashboard() *dashboard.DashboardBuilder {
	source := common.DataSourceRef{Type: cog.ToPtr("prometheus"), Uid: cog.ToPtr("${datasource}")}
	d := dashboard.NewDashboardBuilder("cloudsso-operator").
		Uid("cloudsso-operator").
		Description("SCIM directories, requests and access. docs/metrics.md says what is measured, docs/alerts.md what to do.").
		Tags([]string{"cloudsso", "scim"}).
		Time("now-6h", "now").
		Refresh("1m").
		Readonly().
		WithVariable(dashboard.NewDatasourceVariableBuilder("datasource").Label("Data source").Type("prometheus")).
		WithVariable(dashboard.NewQueryVariableBuilder("directory").
			Label("Directory").
			Datasource(source).
			Query(dashboard.StringOrMap{String: cog.ToPtr("label_values(cloudsso_directory_synchronization_enabled, directory)")}).
			Refresh(dashboard.VariableRefreshOnTimeRangeChanged).
			Multi(true).
			IncludeAll(true).
			AllValue(".*"))
	for _, r := range rows {
		d.WithRow(dashboard.NewRowBuilder(r.title))
		for _, p := range r.panels {
			d.WithPanel(p.builder(source))
		}
	}
	return d
}

// builder returns the panel as Grafana has it.
func (p panel) builder(source common.DataSourceRef) cog.Builder[dashboard.Panel] {
	if p.isStat {
		b := stat.NewPanelBuilder().Title(p.title).Description(p.description).Unit(p.unit).Datasource(source).Span(statWidth).Height(statHeight)
		for i, q := range p.queries {
			b.WithTarget(q.builder(source, i).Instant())
		}
		return b
	}
	b := timeseries.NewPanelBuilder().Title(p.title).Description(p.description).Unit(p.unit).Datasource(source).Span(graphWidth).Height(graphHeight)
	for i, q := range p.queries {
		b.WithTarget(q.builder(source, i).Range())
	}
	return b
}

// builder returns the query as the panel's target at an index. The first target is called A.
func (q query) builder(source common.DataSourceRef, index int) *prometheus.DataqueryBuilder {
	name := string(rune('A' + index))
	return prometheus.NewDataqueryBuilder().Datasource(source).RefId(name).Expr(q.expr).LegendFormat(q.legend)
}
