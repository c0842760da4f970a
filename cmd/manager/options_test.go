package main

import (
	"crypto/rand"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/cloudsso/cloudsso-operator/internal/audit"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
)

func TestOptionsAreValidated(t *testing.T) {
	const url, tls = "--scim-public-url=https://sso.example.com/scim/v2", "--scim-tls-cert-file=tls.crt --scim-tls-key-file=tls.key"
	for _, c := range []struct {
		flags, problem string // no problem: empty
	}{
		{url + " " + tls, ""},
		{url + " --scim-insecure-http", ""},
		{"--scim-public-url=http://localhost:8443/scim/v2 --scim-insecure-http", ""},
		{"--scim-public-url=https://[::1]:8443 --scim-insecure-http", ""},
		{"--scim-insecure-http", "--scim-public-url is missing"},
		{"--scim-public-url=sso.example.com --scim-insecure-http", "not an absolute http or https URL"},
		{"--scim-public-url=/scim/v2 --scim-insecure-http", "not an absolute http or https URL"},
		{"--scim-public-url=ftp://sso.example.com --scim-insecure-http", "not an absolute http or https URL"},
		{"--scim-public-url=https:///scim/v2 --scim-insecure-http", "not an absolute http or https URL"},
		{"--scim-public-url=https://sso.example.com:port --scim-insecure-http", "not an absolute http or https URL"},
		{"--scim-public-url=https://sso_1.example.com --scim-insecure-http", "underscore"},
		{url, "--scim-tls-cert-file and --scim-tls-key-file are both needed"},
		{url + " --scim-tls-cert-file=tls.crt", "are both needed"},
		{url + " --scim-tls-key-file=tls.key", "are both needed"},
		{url + " --scim-insecure-http " + tls, "exclude each other"},
		{url + " --scim-insecure-http --scim-tls-key-file=tls.key", "exclude each other"},
		{url + " --scim-insecure-http --namespaces=acme,globex --namespaces=initech --shard=north", ""},
		{url + " " + tls + " --metrics-secure=false", "must be a loopback address"},
		{url + " " + tls + " --metrics-secure=false --metrics-bind-address=10.0.0.1:8080", "must be a loopback address"},
		{url + " " + tls + " --metrics-secure=false --metrics-bind-address=127.0.0.1:8080", ""},
		{url + " " + tls + " --metrics-secure=false --metrics-bind-address=[::1]:8080", ""},
		{url + " " + tls + " --metrics-secure=false --metrics-bind-address=localhost:8080", ""},
		{url + " " + tls + " --metrics-secure=false --metrics-bind-address=0", ""},
		{url + " --scim-insecure-http --directory-namespace-selector=sso=allowed,team!=x", ""},
		{url + " --scim-insecure-http --directory-namespace-selector=sso=", ""},
		{url + " --scim-insecure-http --directory-namespace-selector=sso=a=b", "--directory-namespace-selector: "},
		{url + " " + tls + " --audit-log-path=audit.log --audit-log-required --audit-log-values=active,name.familyName,displayName", ""},
		{url + " " + tls + " --audit-log-required", "needs --audit-log-path"},
		{url + " " + tls + " --audit-log-maxsize=0", "--audit-log-maxsize must be 1 or more"},
		{url + " " + tls + " --audit-log-maxbackup=-1", "--audit-log-maxbackup 0 or more"},
		{url + " " + tls + " --audit-log-values=active,shoeSize", `there is no attribute "shoeSize"`},
		{url + " " + tls + " --audit-log-values=members", `the values of "members" are never logged`},
		{url + " " + tls + " --audit-log-values=password", `the values of "password" are never logged`},
		{url + " " + tls + " --audit-log-values=id", `the values of "id" are never logged`},
		{url + " " + tls + " --audit-log-values=meta.version", `the values of "meta.version" are never logged`},
		{url + " " + tls + " --trusted-proxies=10.0.0.0/8,fd00::/8 --trusted-proxies=192.0.2.1/32", ""},
		{url + " " + tls + " --trusted-proxies=10.0.0.1", "is not a network"},
		{url + " " + tls + " --trusted-proxies=10.0.0.1/8", "the network is 10.0.0.0/8"},
		{url + " " + tls + " --trusted-proxies=0.0.0.0/0", "each client could choose"},
		{url + " " + tls + " --tracing-endpoint=https://collector.observability:4317 --tracing-sampling-rate=0.01", ""},
		{url + " " + tls + " --tracing-endpoint=http://[::1]:4317", ""},
		{url + " " + tls + " --tracing-endpoint=collector:4317", "--tracing-endpoint \"collector:4317\" is not a URL"},
		{url + " " + tls + " --tracing-endpoint=grpc://collector:4317", "is not a URL"},
		{url + " " + tls + " --tracing-endpoint=https://collector", "with a port"},
		{url + " " + tls + " --tracing-endpoint=https://:4317", "with a port"},
		{url + " " + tls + " --tracing-endpoint=https://collector:4318/v1/traces", "without a path"},
		{url + " " + tls + " --tracing-endpoint=https://collector:4317?key=x", "is not a URL"},
		{url + " " + tls + " --tracing-sampling-rate=1.5", "--tracing-sampling-rate 1.5 must be from 0 to 1"},
		{url + " " + tls + " --tracing-sampling-rate=-1", "from 0 to 1"},
		{url + " " + tls + " --tracing-sampling-rate=NaN", "from 0 to 1"},
		{url + " --scim-insecure-http --leader-lease-duration=1s", "too short"},
		{url + " --scim-insecure-http --access", ""},
		{url + " --scim-insecure-http --access --access-excluded-namespaces=kube-system,prod --access-excluded-namespaces=", ""},
		{url + " --scim-insecure-http --access --access-excluded-namespaces=Prod", "--access-excluded-namespaces: \"Prod\" is not a valid name"},
		{url + " --scim-insecure-http --access --stop-deployment=cloudsso-operator", "--stop-deployment needs --remove-bindings"},
		{url + " --scim-insecure-http --namespaces=acme", "go together"},
		{url + " --scim-insecure-http --shard=north", "go together"},
		{url + " --scim-insecure-http --namespaces=acme --shard=North", "--shard"},
		{url + " --scim-insecure-http --namespaces=acme, --shard=north", "is not a valid name"},
		{url + " --scim-insecure-http --namespaces=acme,globex,acme --shard=north", "twice"},
	} {
		var o options
		flags := pflag.NewFlagSet("manager", pflag.ContinueOnError)
		o.bind(flags)
		if err := flags.Parse(strings.Fields(c.flags)); err != nil {
			t.Fatalf("%s: %v", c.flags, err)
		}
		err := o.validate()
		if c.problem == "" && err != nil || c.problem != "" && (err == nil || !strings.Contains(err.Error(), c.problem)) {
			t.Errorf("%s: %v, want %q", c.flags, err, c.problem)
		}
	}
}

func TestProvisioningLogIsOpenedBeforeTheOperatorStarts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	o := options{auditFile: audit.FileOptions{Path: path, MaxSize: 1}}
	c, err := o.auditConfig(slog.DiscardHandler)
	if err != nil || c.File == nil {
		t.Fatalf("%+v, %v", c, err)
	}
	token, err := auth.NewToken(rand.Reader, "acme")
	if err != nil {
		t.Fatal(err)
	}
	log := audit.New(c)
	log.Write(t.Context(), audit.Record{Event: audit.RequestRefused, Credential: "okta", Status: 404, ID: token})
	log.Close()
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), "cssoscim_[redacted]") || strings.Contains(string(text), token) {
		t.Errorf("the file has %s, %v", text, err)
	}
	o.auditFile.Path = filepath.Join(path, "below")
	if _, err := o.auditConfig(slog.DiscardHandler); err == nil || !strings.Contains(err.Error(), "--audit-log-path") {
		t.Errorf("a file below a file: %v", err)
	}
}

func TestPlainHTTPListensOnLoopback(t *testing.T) {
	for _, c := range []struct {
		flags options
		want  string
	}{
		{options{}, ":8443"},
		{options{insecureHTTP: true}, "127.0.0.1:8443"},
		{options{insecureHTTP: true, scimAddress: ":8080"}, ":8080"},
		{options{scimAddress: "10.0.0.1:443"}, "10.0.0.1:443"},
	} {
		if got := c.flags.listenAddress(); got != c.want {
			t.Errorf("%+v listens on %s, want %s", c.flags, got, c.want)
		}
	}
}

func TestShardsHaveLeasesOfTheirOwn(t *testing.T) {
	for shard, want := range map[string]string{"": "cloudsso-operator", "north": "cloudsso-operator-north"} {
		if got := (&options{shard: shard}).leaseName(); got != want {
			t.Errorf("the lease of %q is %s, want %s", shard, got, want)
		}
	}
}
