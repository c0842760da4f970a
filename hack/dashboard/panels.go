package main

// row is a line of panels under a title.
type row struct {
	title  string
	panels []panel
}

// panel shows queries: as one number if it is a stat, else over time.
type panel struct {
	title, description string
	unit               string // as Grafana names it
	isStat             bool
	queries            []query
}

type query struct {
	expr   string // in PromQL
	legend string // a template over labels
}

// directories selects the directories that are chosen at the top of the dashboard.
const directories = `{directory=~"$directory"}`

// ofOperator limits a metric that other programs have too to the replicas of the operator.
const ofOperator = ` and on (instance) cloudsso_build_info`

var rows = []row{
	{"Now", []panel{
		{"Replicas", "Replicas that Prometheus scrapes.", "none", true, []query{{`count(cloudsso_build_info)`, ""}}},
		{"Leaders", "1, and one more for each shard.", "none", true, []query{{`sum(leader_election_master_status{name=~"cloudsso-operator(-.+)?"})`, ""}}},
		{"Policies missing", "Admission policies that are not installed as required.", "none", true, []query{
			{`count(min by (policy) (cloudsso_admission_policy_installed) == 0) or vector(0)`, ""}}},
		{"Directories to push again", "Directories that lack changes of the identity provider until a full push.", "none", true, []query{
			{`sum(max by (directory) (cloudsso_directory_resync_needed` + directories + `))`, ""}}},
		{"Deactivations withheld", "Deactivations beyond a budget, which wait for an administrator.", "none", true, []query{
			{`sum(max by (directory) (cloudsso_deactivations_withheld` + directories + `)) or vector(0)`, ""}}},
		{"Revocations pending", "Bindings that are looked at because a user or group has lost access.", "none", true, []query{
			{`sum(cloudsso_access_revocations_pending)`, ""}}},
	}},
	{"Directories", []panel{
		{"Users", "Users of the directories, by source and state.", "none", false, []query{
			{`sum by (source, state) (max by (directory, source, state) (cloudsso_users` + directories + `))`, "{{source}} {{state}}"}}},
		{"Groups", "Groups of the directories, by source and state.", "none", false, []query{
			{`sum by (source, state) (max by (directory, source, state) (cloudsso_groups` + directories + `))`, "{{source}} {{state}}"}}},
		{"Time since the provider's last request", "At most a minute too long.", "s", false, []query{
			{`time() - max by (directory) (cloudsso_directory_last_request_timestamp_seconds` + directories + `)`, "{{directory}}"}}},
		{"Time until credentials expire", "Disabled credentials are not shown.", "s", false, []query{
			{`min by (directory, credential) (cloudsso_credential_expiry_timestamp_seconds` + directories + `) - time()`, "{{directory}}/{{credential}}"}}},
		{"Refused writes", "Writes that were refused while a directory was not served, since the last acknowledged full push.", "none", false, []query{
			{`max by (directory) (cloudsso_directory_refused_writes` + directories + `)`, "{{directory}}"}}},
		{"Switch", "1 if a directory serves SCIM requests.", "none", false, []query{
			{`max by (directory) (cloudsso_directory_synchronization_enabled` + directories + `)`, "{{directory}}"}}},
	}},
	{"SCIM requests", []panel{
		{"Requests by operation", "Of all replicas and directories.", "reqps", false, []query{
			{`sum by (resource, operation) (rate(cloudsso_scim_request_duration_seconds_count[$__rate_interval]))`, "{{operation}} {{resource}}"}}},
		{"Requests by status", "Of all replicas and directories.", "reqps", false, []query{
			{`sum by (status) (rate(cloudsso_scim_request_duration_seconds_count[$__rate_interval]))`, "{{status}}"}}},
		{"Duration", "By operation.", "s", false, []query{
			{`histogram_quantile(0.99, sum by (le, operation) (rate(cloudsso_scim_request_duration_seconds_bucket[$__rate_interval])))`, "99 % {{operation}}"},
			{`histogram_quantile(0.5, sum by (le, operation) (rate(cloudsso_scim_request_duration_seconds_bucket[$__rate_interval])))`, "50 % {{operation}}"}}},
		{"Failed requests", "The part of the requests that got a 5xx status.", "percentunit", false, []query{
			{`(sum(rate(cloudsso_scim_request_duration_seconds_count{status=~"5.."}[$__rate_interval])) or vector(0)) / sum(rate(cloudsso_scim_request_duration_seconds_count[$__rate_interval]))`, "5xx"}}},
		{"Refusals", "Requests that were refused because of the credential, the switch or the load.", "reqps", false, []query{
			{`sum by (reason) (rate(cloudsso_scim_refusals_total[$__rate_interval]))`, "{{reason}}"}}},
		{"Lines that the provisioning log's file lacks", "Needs --audit-log-path.", "cps", false, []query{
			{`sum(rate(cloudsso_audit_log_failures_total[$__rate_interval]))`, "lines"}}},
	}},
	{"Consistency and contention", []panel{
		{"Cache lag", "Time until a replica's cache shows its own writes.", "s", false, []query{
			{`histogram_quantile(0.99, sum by (le, resource) (rate(cloudsso_scim_cache_lag_seconds_bucket[$__rate_interval])))`, "99 % {{resource}}"},
			{`histogram_quantile(0.5, sum by (le, resource) (rate(cloudsso_scim_cache_lag_seconds_bucket[$__rate_interval])))`, "50 % {{resource}}"}}},
		{"Contention", "Writers that meet: repeated attempts of SCIM requests, claims of names, and conflicts that the API server reports.", "cps", false, []query{
			{`sum(rate(cloudsso_scim_write_retries_total[$__rate_interval]))`, "repeated attempts"},
			{`sum by (kind) (rate(cloudsso_name_claim_contentions_total[$__rate_interval]))`, "claims of {{kind}}"},
			{`sum(rate(rest_client_requests_total{code="409"}[$__rate_interval])` + ofOperator + `) or vector(0)`, "conflicts"}}},
		{"Requests to the API server", "By status.", "reqps", false, []query{
			{`sum by (code) (rate(rest_client_requests_total[$__rate_interval])` + ofOperator + `)`, "{{code}}"}}},
	}},
	{"Access", []panel{
		{"Revocation", "Time from an acknowledged deactivation or removal until no binding has the subject. Needs --access.", "s", false, []query{
			{`histogram_quantile(0.99, sum by (le) (rate(cloudsso_access_revocation_duration_seconds_bucket[$__rate_interval])))`, "99 %"},
			{`histogram_quantile(0.5, sum by (le) (rate(cloudsso_access_revocation_duration_seconds_bucket[$__rate_interval])))`, "50 %"}}},
		{"Revocations", "Revocations that have ended. Needs --access.", "cps", false, []query{
			{`sum(rate(cloudsso_access_revocation_duration_seconds_count[$__rate_interval]))`, "revocations"}}},
	}},
	{"Processes", []panel{
		{"Memory", "Resident memory of each replica.", "bytes", false, []query{
			{`process_resident_memory_bytes` + ofOperator, "{{instance}}"}}},
		{"Processor", "Cores that each replica uses.", "none", false, []query{
			{`rate(process_cpu_seconds_total[$__rate_interval])` + ofOperator, "{{instance}}"}}},
		{"Objects that wait for a reconcile", "By controller.", "none", false, []query{
			{`sum by (name) (workqueue_depth` + ofOperator + `)`, "{{name}}"}}},
		{"Failed reconciles", "They are repeated.", "cps", false, []query{
			{`sum by (controller) (rate(controller_runtime_reconcile_errors_total[$__rate_interval])` + ofOperator + `)`, "{{controller}}"}}},
	}},
}
