package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"
)

// scimPrefix is the path of the SCIM service.
const scimPrefix = "/scim/v2"

// options are the command line.
type options struct {
	scimAddress       string
	scimURL           string
	certFile, keyFile string
	insecureHTTP      bool

	metricsAddress string
	probeAddress   string

	leaderElect       bool
	leaseDuration     time.Duration
	operatorNamespace string

	namespaces []string
	shard      string
}

func (o *options) bind(flags *pflag.FlagSet) {
	flags.StringVar(&o.scimAddress, "scim-bind-address", ":8443", "address that the SCIM service listens on")
	flags.StringVar(&o.scimURL, "scim-public-url", "", "URL at which identity providers reach the SCIM service, such as https://sso.example.com/scim/v2 (required)")
	flags.StringVar(&o.certFile, "scim-tls-cert-file", "", "certificate of the SCIM service, PEM; read again when it changes")
	flags.StringVar(&o.keyFile, "scim-tls-key-file", "", "private key of the certificate, PEM")
	flags.BoolVar(&o.insecureHTTP, "scim-insecure-http", false, "serve SCIM without TLS: only on loopback, or behind an ingress that terminates it")
	flags.StringVar(&o.metricsAddress, "metrics-bind-address", ":8080", "address of the Prometheus metrics; 0 for none")
	flags.StringVar(&o.probeAddress, "health-probe-bind-address", ":8081", "address of /healthz and /readyz; 0 for none")
	flags.BoolVar(&o.leaderElect, "leader-elect", true, "let one replica at a time run the controllers; every replica serves SCIM")
	flags.DurationVar(&o.leaseDuration, "leader-lease-duration", 5*time.Second, "how long the others wait for a leader that has died")
	flags.StringVar(&o.operatorNamespace, "operator-namespace", "cloudsso-system", "namespace of the operator's own lease and sentinel objects")
	flags.StringSliceVar(&o.namespaces, "namespaces", nil, "namespaces to serve, such as acme,globex; repeatable; by default all of the cluster. Needs --shard")
	flags.StringVar(&o.shard, "shard", "", "name of the operator that serves --namespaces, such as north: its replicas elect a leader of their own")
}

// leaderElectionID names the lease that the replicas elect their leader with; a shard's name follows it.
const leaderElectionID = "cloudsso-operator"

func (o *options) leaseName() string {
	if o.shard == "" {
		return leaderElectionID
	}
	return leaderElectionID + "-" + o.shard
}

// validate says what to give when something is missing.
func (o *options) validate() error {
	if o.scimURL == "" {
		return errors.New("--scim-public-url is missing: give the URL at which identity providers reach the SCIM service, such as https://sso.example.com/scim/v2")
	}
	u, err := url.Parse(o.scimURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("--scim-public-url %q is not an absolute http or https URL", o.scimURL)
	}
	if strings.Contains(o.scimURL, "_") {
		return fmt.Errorf("--scim-public-url %q has an underscore, which Okta does not accept in a base URL", o.scimURL)
	}
	if o.insecureHTTP && o.certFile+o.keyFile != "" {
		return errors.New("--scim-insecure-http and --scim-tls-cert-file exclude each other")
	}
	if !o.insecureHTTP && (o.certFile == "" || o.keyFile == "") {
		return errors.New("--scim-tls-cert-file and --scim-tls-key-file are both needed; behind an ingress that terminates TLS, give --scim-insecure-http instead")
	}
	return o.validateShard()
}

// validateShard lets no two operators share a lease by mistake: the controllers of one would never run.
func (o *options) validateShard() error {
	if (len(o.namespaces) > 0) != (o.shard != "") {
		return errors.New("--namespaces and --shard go together: the shard's name keeps its leader apart from those of the other shards")
	}
	if problems := validation.IsDNS1123Label(o.shard); o.shard != "" && len(problems) > 0 {
		return fmt.Errorf("--shard %q: %s", o.shard, strings.Join(problems, "; "))
	}
	named := map[string]bool{}
	for _, namespace := range o.namespaces {
		if problems := validation.IsDNS1123Label(namespace); len(problems) > 0 {
			return fmt.Errorf("--namespaces: %q is no namespace: %s", namespace, strings.Join(problems, "; "))
		}
		if named[namespace] {
			return fmt.Errorf("--namespaces names %q twice", namespace)
		}
		named[namespace] = true
	}
	return nil
}
