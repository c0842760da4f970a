package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/cloudsso/cloudsso-operator/internal/audit"
	"github.com/cloudsso/cloudsso-operator/internal/namespaceselector"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// scimPrefix is the path of the SCIM service.
const scimPrefix = "/scim/v2"

// options are the command line.
type options struct {
	scimAddress       string
	scimURL           string
	certFile, keyFile string
	insecureHTTP      bool
	maxRate           int
	trustedProxies    []string

	auditFile     audit.FileOptions
	auditRequired bool
	auditValues   []string

	metricsAddress string
	metricsSecure  bool
	probeAddress   string
	pprofAddress   string

	tracingEndpoint string
	tracingRate     float64

	leaderElect       bool
	leaseDuration     time.Duration
	operatorNamespace string

	namespaces        []string
	shard             string
	namespaceSelector string

	access         bool
	accessExcluded []string
	removeBindings bool
	stopDeployment string

	showVersion bool
}

func (o *options) bind(flags *pflag.FlagSet) {
	flags.StringVar(&o.scimAddress, "scim-bind-address", "", "address that the SCIM service listens on; by default :8443, or 127.0.0.1:8443 with --scim-insecure-http")
	flags.StringVar(&o.scimURL, "scim-public-url", "", "URL at which identity providers reach the SCIM service, such as https://sso.example.com/scim/v2 (required)")
	flags.StringVar(&o.certFile, "scim-tls-cert-file", "", "certificate of the SCIM service, PEM; read again when it changes")
	flags.StringVar(&o.keyFile, "scim-tls-key-file", "", "private key of the certificate, PEM")
	flags.BoolVar(&o.insecureHTTP, "scim-insecure-http", false, "serve SCIM without TLS, on loopback unless --scim-bind-address says otherwise: for an ingress that terminates TLS")
	flags.IntVar(&o.maxRate, "max-request-rate", 1000, "requests a second that a directory's spec.rateLimit may permit each credential at each replica, at most, and a burst of ten times as many; 0 for no maximum")
	flags.StringSliceVar(&o.trustedProxies, "trusted-proxies", nil, "networks of the proxies before the SCIM service, such as 192.0.2.10/32,192.0.2.11/32: the client of a request from there is the rightmost address of X-Forwarded-For that is in none of them; by default the client is the address that the connection comes from. Every host of these networks can name any client, so the network of the pods must not be among them")
	flags.StringVar(&o.auditFile.Path, "audit-log-path", "", "file that has the provisioning log too, without successful reads and without requests whose credential is not accepted or exceeds its limits; by default only the operator's log has it")
	flags.IntVar(&o.auditFile.MaxSize, "audit-log-maxsize", 100, "megabytes after which the provisioning log begins a new file")
	flags.IntVar(&o.auditFile.MaxBackups, "audit-log-maxbackup", 10, "old files of the provisioning log that are kept; 0 for all")
	flags.BoolVar(&o.auditRequired, "audit-log-required", false, "carry out a change only after --audit-log-path has the line that it was requested; if the file cannot be written, changes get 503, deactivations too")
	flags.StringSliceVar(&o.auditValues, "audit-log-values", nil, "attributes whose values before and after a change are in the provisioning log, such as active,name.familyName; by default it has names of attributes only")
	flags.StringVar(&o.metricsAddress, "metrics-bind-address", ":8080", "address of the Prometheus metrics; 0 for none")
	flags.BoolVar(&o.metricsSecure, "metrics-secure", true, "serve metrics over HTTPS to clients whose token may get /metrics (ClusterRole cloudsso-metrics-reader); false serves them to every client without TLS, on loopback only")
	flags.StringVar(&o.probeAddress, "health-probe-bind-address", ":8081", "address of /healthz and /readyz; 0 for none")
	flags.StringVar(&o.pprofAddress, "pprof-bind-address", "0", "address of /debug/pprof, such as 127.0.0.1:6060; 0 for none")
	flags.StringVar(&o.tracingEndpoint, "tracing-endpoint", "", "URL of an OpenTelemetry collector that receives OTLP over gRPC, such as https://collector.observability:4317, or http:// without TLS; SCIM requests and their calls of the API server are traced to it. By default nothing is traced")
	flags.Float64Var(&o.tracingRate, "tracing-sampling-rate", 1, "with --tracing-endpoint, the share of the SCIM requests that are traced, from 0 to 1")
	flags.BoolVar(&o.leaderElect, "leader-elect", true, "let one replica at a time run the controllers; every replica serves SCIM")
	flags.DurationVar(&o.leaseDuration, "leader-lease-duration", 5*time.Second, "how long the other replicas wait before they replace a leader that has died")
	flags.StringVar(&o.operatorNamespace, "operator-namespace", "cloudsso-system", "namespace of the operator's own lease")
	flags.StringSliceVar(&o.namespaces, "namespaces", nil, "namespaces to serve, such as acme,globex; repeatable; by default all of the cluster. Needs --shard")
	flags.StringVar(&o.namespaceSelector, "directory-namespace-selector", "", "labels that a namespace must have to be a directory, such as sso=allowed or 'team in (a,b)'; by default every namespace may be one")
	flags.StringVar(&o.shard, "shard", "", "name of the operator that serves --namespaces, such as north: its replicas elect a leader of their own")
	flags.BoolVar(&o.access, "access", false, "carry out CloudSSOAccessAssignments: project users into RoleBindings and ClusterRoleBindings, and revoke. Needs the rights of config/access")
	flags.StringSliceVar(&o.accessExcluded, "access-excluded-namespaces", []string{"kube-system", "kube-public", "kube-node-lease"}, "namespaces in which no role is granted, beside the operator's own; repeatable")
	flags.BoolVar(&o.removeBindings, "remove-bindings", false, "instead of running, delete every RoleBinding and ClusterRoleBinding that was projected in the cluster, with --namespaces those of their assignments, and fail if one is left")
	flags.StringVar(&o.stopDeployment, "stop-deployment", "", "with --remove-bindings, first scale this Deployment of --operator-namespace to no replicas, and wait until its Pods are gone: a running operator restores bindings")
	flags.BoolVar(&o.showVersion, "version", false, "print the version and exit")
}

// leaderElectionID is the name of the lease for the leader election. A shard appends its own name.
const leaderElectionID = "cloudsso-operator"

func (o *options) leaseName() string {
	if o.shard == "" {
		return leaderElectionID
	}
	return leaderElectionID + "-" + o.shard
}

// cachedNamespaces returns the namespaces whose objects the informers cache; nil for all.
func (o *options) cachedNamespaces() map[string]cache.Config {
	var namespaces map[string]cache.Config
	for _, namespace := range o.namespaces {
		if namespaces == nil {
			namespaces = map[string]cache.Config{}
		}
		namespaces[namespace] = cache.Config{}
	}
	return namespaces
}

// newSelector returns a Selector of the namespaces that may be directories; nil if every namespace may be one.
func (o *options) newSelector(config *rest.Config) (*namespaceselector.Selector, error) {
	selector, err := labels.Parse(o.namespaceSelector)
	if err != nil || selector.Empty() {
		return nil, err
	}
	return namespaceselector.New(config, selector)
}

// listenAddress returns the address of the SCIM service.
func (o *options) listenAddress() string {
	switch {
	case o.scimAddress != "":
		return o.scimAddress
	case o.insecureHTTP:
		return "127.0.0.1:8443"
	}
	return ":8443"
}

// validate returns an error if an option is missing or wrong. The error says what to give.
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
	if o.leaseDuration < minLeaseDuration {
		return fmt.Errorf("--leader-lease-duration %s is too short: at least %s, because a lease counts whole seconds", o.leaseDuration, minLeaseDuration)
	}
	return errors.Join(o.validateTLS(), o.validateShard(), o.validateAudit(), o.validateProxies(), o.validateTracing(), o.validateSelector(), o.validateAccess())
}

func (o *options) validateAccess() error {
	if o.stopDeployment != "" && !o.removeBindings {
		return errors.New("--stop-deployment needs --remove-bindings: the operator does not stop itself")
	}
	for _, namespace := range o.accessExcluded {
		if problems := validation.IsDNS1123Label(namespace); len(problems) > 0 {
			return fmt.Errorf("--access-excluded-namespaces: %q is not a valid name of a namespace: %s", namespace, strings.Join(problems, "; "))
		}
	}
	return nil
}

func (o *options) validateSelector() error {
	if _, err := labels.Parse(o.namespaceSelector); err != nil {
		return fmt.Errorf("--directory-namespace-selector: %w", err)
	}
	return nil
}

// validateTLS requires a certificate, or what says that none is needed.
func (o *options) validateTLS() error {
	switch {
	case o.insecureHTTP && o.certFile+o.keyFile != "":
		return errors.New("--scim-insecure-http and --scim-tls-cert-file exclude each other")
	case !o.insecureHTTP && (o.certFile == "" || o.keyFile == ""):
		return errors.New("--scim-tls-cert-file and --scim-tls-key-file are both needed; behind an ingress that terminates TLS, give --scim-insecure-http instead")
	case !o.metricsSecure && o.metricsAddress != "0" && !isLoopback(o.metricsAddress):
		return fmt.Errorf("--metrics-secure=false serves metrics to every client, so --metrics-bind-address %q must be a loopback address such as 127.0.0.1:8080", o.metricsAddress)
	}
	return nil
}

// validateProxies requires networks that say which proxies are trusted. If every address were a proxy's, each client could
// choose the address that it is counted with.
func (o *options) validateProxies() error {
	for _, text := range o.trustedProxies {
		network, err := netip.ParsePrefix(text)
		switch {
		case err != nil:
			return fmt.Errorf("--trusted-proxies: %q is not a network such as 192.0.2.0/28, or 192.0.2.10/32 for one address", text)
		case network != network.Masked():
			return fmt.Errorf("--trusted-proxies: %q has bits beyond its length; the network is %s", text, network.Masked())
		case network.Bits() == 0:
			return fmt.Errorf("--trusted-proxies: %q is every address, so that each client could choose its own", text)
		}
	}
	return nil
}

// networks returns the networks of valid texts.
func networks(texts []string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		if network, err := netip.ParsePrefix(text); err == nil {
			all = append(all, network)
		}
	}
	return all
}

// validateAudit requires a file for what is about the file, and attributes that exist.
func (o *options) validateAudit() error {
	if o.auditRequired && o.auditFile.Path == "" {
		return errors.New("--audit-log-required needs --audit-log-path")
	}
	if o.auditFile.MaxSize <= 0 || o.auditFile.MaxBackups < 0 {
		return errors.New("--audit-log-maxsize must be 1 or more, and --audit-log-maxbackup 0 or more")
	}
	_, err := o.loggedAttributes()
	return err
}

// loggedAttributes returns the attributes of --audit-log-values under the names that changes have.
func (o *options) loggedAttributes() (names []string, err error) {
	for _, text := range o.auditValues {
		path := schema.User.Resolve(text, schema.Group)
		if path == nil {
			return nil, fmt.Errorf("--audit-log-values: there is no attribute %q", text)
		}
		for i, a := range path {
			if a == schema.Members || a.Mutability == schema.ReadOnly || a.Returned == schema.ReturnedNever {
				return nil, fmt.Errorf("--audit-log-values: the values of %q are never logged", text)
			}
			if a.MultiValued { // its values are logged whole
				path = path[:i+1]
				break
			}
		}
		names = append(names, path.String())
	}
	return names, nil
}

// auditConfig returns how the provisioning log is written, and opens its file.
func (o *options) auditConfig(log slog.Handler) (audit.Config, error) {
	values, err := o.loggedAttributes()
	c := audit.Config{Log: log, Required: o.auditRequired, Values: values}
	if err != nil || o.auditFile.Path == "" {
		return c, err
	}
	file, err := audit.OpenFile(o.auditFile)
	if err != nil {
		return c, fmt.Errorf("opening the provisioning log: %w; see --audit-log-path", err)
	}
	c.File = redactingWriter{file}
	return c, nil
}

// isLoopback reports whether an address to listen on can be reached only from this machine.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback())
}

// minLeaseDuration is the shortest lease of a leader. client-go cuts leases to whole seconds.
const minLeaseDuration = 2 * time.Second

// validateShard requires a shard's name together with namespaces, because two operators that share a lease would run the
// controllers of only one.
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
			return fmt.Errorf("--namespaces: %q is not a valid name of a namespace: %s", namespace, strings.Join(problems, "; "))
		}
		if named[namespace] {
			return fmt.Errorf("--namespaces names %q twice", namespace)
		}
		named[namespace] = true
	}
	return nil
}
