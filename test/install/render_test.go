//go:build install

package install

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// objects are manifests by kind, namespace and name.
type objects map[string]*unstructured.Unstructured

// parse reads a stream of YAML documents. Two objects of one name are an error.
func parse(content []byte) objects {
	GinkgoHelper()
	all := objects{}
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(content), len(content)+1); ; {
		o := &unstructured.Unstructured{}
		err := decoder.Decode(&o.Object)
		if errors.Is(err, io.EOF) {
			return all
		}
		Expect(err).NotTo(HaveOccurred())
		if len(o.Object) == 0 {
			continue
		}
		key := o.GetKind() + " " + o.GetNamespace() + "/" + o.GetName()
		Expect(all).NotTo(HaveKey(key))
		all[key] = o
	}
}

// template returns what a release has, without its hooks.
func template(ctx context.Context, name, inNamespace string, arguments ...string) objects {
	GinkgoHelper()
	return parse([]byte(mustHelm(ctx, append([]string{"template", name, chart, "--namespace", inNamespace, "--no-hooks"}, arguments...)...)))
}

// kustomize returns the objects of config/default with changes of its kustomization.
func kustomize(ctx context.Context, changes ...string) objects {
	GinkgoHelper()
	return parse(build(ctx, changes...))
}

func build(ctx context.Context, changes ...string) []byte {
	GinkgoHelper()
	into := GinkgoT().TempDir()
	Expect(os.CopyFS(into, os.DirFS(filepath.Join(root, "config")))).To(Succeed())
	replaceIn(filepath.Join(into, "default", "kustomization.yaml"), changes...)
	command := exec.CommandContext(ctx, "go", "tool", "-modfile=hack/tools/go.mod", "kustomize", "build", filepath.Join(into, "default"))
	command.Dir = root
	built, err := command.Output()
	Expect(err).NotTo(HaveOccurred())
	return built
}

// replaceIn replaces texts of a file, each of which it must have, by others: changes are pairs of them.
func replaceIn(file string, changes ...string) {
	GinkgoHelper()
	content, err := os.ReadFile(file)
	Expect(err).NotTo(HaveOccurred())
	for i := 0; i < len(changes); i += 2 {
		Expect(string(content)).To(ContainSubstring(changes[i]))
		content = bytes.ReplaceAll(content, []byte(changes[i]), []byte(changes[i+1]))
	}
	Expect(os.WriteFile(file, content, 0o600)).To(Succeed())
}

// buildElsewhere returns config/default in another namespace and with the prefix and the instance of a release acme.
func buildElsewhere(ctx context.Context, changes ...string) []byte {
	GinkgoHelper()
	const instance = "app.kubernetes.io/instance: "
	built := build(ctx, append(changes, "namespace: cloudsso-system", "namespace: elsewhere", "# namePrefix:", "namePrefix:")...)
	return bytes.ReplaceAll(built, []byte(instance+"cloudsso-operator"), []byte(instance+"acme"))
}

// uncomment returns the change that takes the comment sign from a line of config/default/kustomization.yaml.
func uncomment(component string) []string {
	return []string{"# components:", "components:", "# - ../" + component + "\n", "- ../" + component + "\n"}
}

// withoutHelm removes what only Helm writes: its annotations and labels.
func withoutHelm(o *unstructured.Unstructured) *unstructured.Unstructured {
	o = o.DeepCopy()
	o.SetAnnotations(withoutHelmNames(o.GetAnnotations()))
	o.SetLabels(withoutHelmNames(o.GetLabels()))
	return o
}

// withoutHelmNames returns nil if nothing is left.
func withoutHelmNames(all map[string]string) map[string]string {
	for name := range all {
		if strings.HasPrefix(name, "helm.sh/") || name == "app.kubernetes.io/managed-by" {
			delete(all, name)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// expectEqual checks that a release has the objects of kustomize, but for the Namespace, which helm install creates, and the
// CronJob of make undeploy, in place of which the chart has a hook.
func expectEqual(rendered, built objects) {
	GinkgoHelper()
	for key, o := range built {
		switch o.GetKind() {
		case "Namespace", "CronJob":
			delete(built, key)
		}
	}
	for key, o := range rendered {
		Expect(built).To(HaveKey(key), "only the chart has it")
		Expect(withoutHelm(o)).To(Equal(built[key]), key)
	}
	for key := range built {
		Expect(rendered).To(HaveKey(key), "only config has it")
	}
}

var _ = Describe("The chart", func() {
	It("has the objects of config/default", func(ctx SpecContext) {
		expectEqual(template(ctx, release, namespace), kustomize(ctx))
	})

	It("of another name and namespace has those of config/default with a prefix", func(ctx SpecContext) {
		expectEqual(template(ctx, "acme", "elsewhere"), parse(buildElsewhere(ctx)))
	})

	DescribeTable("has a value for each component", func(ctx SpecContext, component, value string) {
		rendered := template(ctx, release, namespace, "--set", value)
		expectEqual(rendered, kustomize(ctx, uncomment(component)...))
		expectEqual(template(ctx, "acme", "elsewhere", "--set", value), parse(buildElsewhere(ctx, uncomment(component)...)))
		Expect(rendered).NotTo(Equal(template(ctx, release, namespace)))
	},
		Entry(nil, "access", "access.enabled=true"),
		Entry(nil, "cert-manager", "certManager.enabled=true"),
		Entry(nil, "console", "console.enabled=true"),
		Entry(nil, "gateway", "gateway.enabled=true"),
		Entry(nil, "ingress", "ingress.enabled=true"),
		Entry(nil, "network-policy", "networkPolicy.enabled=true"),
		Entry(nil, "plain-http", "tls.endsBefore=true"),
		Entry(nil, "prometheus", "prometheus.enabled=true"),
		Entry(nil, "prometheus/dashboard", "dashboard.enabled=true"),
		Entry(nil, "prometheus/rules", "prometheusRule.enabled=true"),
		Entry(nil, "single-namespace", "shard.name=single,shard.namespaces={acme}"),
	)

	It("takes back the access of the one namespace, as config does", func(ctx SpecContext) {
		both := append(uncomment("access"), uncomment("single-namespace")[2:]...)
		expectEqual(template(ctx, release, namespace, "--set", "access.enabled=true,shard.name=single,shard.namespaces={acme}"), kustomize(ctx, both...))
		job := nested(kustomize(ctx, both...)["CronJob cloudsso-system/cloudsso-remove-bindings"].Object, "spec", "jobTemplate")
		Expect(firstContainer(expectType[map[string]any](job))["args"]).To(Equal([]any{"--remove-bindings", "--namespaces=acme", "--shard=single"}))
	})

	It("has a value for flow control and shards", func(ctx SpecContext) {
		expectEqual(template(ctx, release, namespace, "--set", "flowControl.enabled=true"), kustomize(ctx, "# - ../flow-control", "- ../flow-control"))
		expectEqual(template(ctx, release, namespace, "--set", "shardAccounts[0].namespace=cloudsso-south,shardAccounts[0].name=cloudsso-operator"),
			kustomize(ctx, "# patches:", "patches:", "# - path: shards", "- path: shards", "#   target:", "  target:"))
	})

	It("renders its values", func(ctx SpecContext) {
		rendered := template(ctx, release, namespace, "--set", "access.enabled=true,access.clusterRoles={view},access.roles={deployer}",
			"--set", "image.repository=registry.example.com/cloudsso,image.tag=v1,imagePullSecrets[0].name=pull,nodeSelector.disk=ssd",
			"--set", "tolerations[0].operator=Exists,podAnnotations.a=b,priorityClassName=high,extraArgs={--trusted-proxies=192.0.2.10/32\\,192.0.2.11/32}",
			"--set", "scim.publicURL=https://sso.example.org:8443/scim/v2,certManager.enabled=true,image.pullPolicy=Always",
			"--set", "prometheus.enabled=true,prometheus.labels.release=kube,prometheusRule.enabled=true,networkPolicy.enabled=true,networkPolicy.apiServerPorts={8443}")
		deployment := rendered["Deployment cloudsso-system/cloudsso-operator"].Object
		pod := nested(deployment, "spec", "template", "spec")
		container := firstContainer(deployment)
		Expect(container["args"]).To(Equal([]any{
			"--scim-public-url=https://sso.example.org:8443/scim/v2", "--scim-tls-cert-file=/tls/tls.crt", "--scim-tls-key-file=/tls/tls.key",
			"--operator-namespace=$(OPERATOR_NAMESPACE)", "--access", "--trusted-proxies=192.0.2.10/32,192.0.2.11/32",
		}))
		Expect(container).To(And(HaveKeyWithValue("image", "registry.example.com/cloudsso:v1"), HaveKeyWithValue("imagePullPolicy", "Always")))
		Expect(rendered["ServiceMonitor cloudsso-system/cloudsso-operator"].GetLabels()).To(HaveKeyWithValue("release", "kube"))
		Expect(rendered["PrometheusRule cloudsso-system/cloudsso-operator"].GetLabels()).To(HaveKeyWithValue("release", "kube"))
		Expect(expectType[[]any](nested(rendered["NetworkPolicy cloudsso-system/cloudsso-operator"].Object, "spec", "egress"))[0]).To(Equal(
			map[string]any{"ports": []any{map[string]any{"protocol": "TCP", "port": float64(8443)}}}))
		Expect(pod).To(And(HaveKeyWithValue("priorityClassName", "high"), HaveKeyWithValue("nodeSelector", map[string]any{"disk": "ssd"}),
			HaveKeyWithValue("imagePullSecrets", []any{map[string]any{"name": "pull"}}), HaveKeyWithValue("tolerations", []any{map[string]any{"operator": "Exists"}})))
		Expect(nested(deployment, "spec", "template", "metadata", "annotations")).To(Equal(map[string]any{"a": "b"}))
		Expect(rendered).NotTo(HaveKey("PriorityClass /cloudsso-operator"))
		Expect(nested(rendered["Certificate cloudsso-system/cloudsso-scim"].Object, "spec", "dnsNames")).To(Equal([]any{"sso.example.org"}))
		Expect(expectType[[]any](nested(rendered["ClusterRole /cloudsso-operator-access"].Object, "rules"))[:2]).To(Equal([]any{
			map[string]any{"apiGroups": []any{"rbac.authorization.k8s.io"}, "resources": []any{"clusterroles"}, "verbs": []any{"bind"}, "resourceNames": []any{"view"}},
			map[string]any{"apiGroups": []any{"rbac.authorization.k8s.io"}, "resources": []any{"roles"}, "verbs": []any{"bind"}, "resourceNames": []any{"deployer"}},
		}))
	})

	It("traces to a collector, which the NetworkPolicy lets it reach", func(ctx SpecContext) {
		plain := template(ctx, release, namespace, "--set", "tracing.endpoint=http://collector.observability:4317,tracing.samplingRate=0.01,networkPolicy.enabled=true,tls.endsBefore=true",
			"--set", "tracing.caConfigMap=unused,tracing.env[0].name=OTEL_EXPORTER_OTLP_HEADERS,tracing.env[0].valueFrom.secretKeyRef.name=key,tracing.env[0].valueFrom.secretKeyRef.key=headers")
		container := firstContainer(plain["Deployment cloudsso-system/cloudsso-operator"].Object)
		Expect(container["args"]).To(ContainElements("--tracing-endpoint=http://collector.observability:4317", "--tracing-sampling-rate=0.01"))
		Expect(container).NotTo(HaveKey("volumeMounts"))
		Expect(container["env"]).To(And(Not(ContainElement(HaveKeyWithValue("name", "OTEL_EXPORTER_OTLP_CERTIFICATE"))), ContainElement(map[string]any{
			"name": "OTEL_EXPORTER_OTLP_HEADERS", "valueFrom": map[string]any{"secretKeyRef": map[string]any{"name": "key", "key": "headers"}},
		})))
		Expect(nested(plain["NetworkPolicy cloudsso-system/cloudsso-operator"].Object, "spec", "egress")).To(ContainElement(
			map[string]any{"ports": []any{map[string]any{"protocol": "TCP", "port": float64(4317)}}}))

		const overTLS = "tracing.endpoint=https://collector.observability:4317,tracing.caConfigMap=collector-ca"
		for values, volumes := range map[string]int{overTLS: 2, overTLS + ",tls.endsBefore=true": 1} {
			deployment := template(ctx, release, namespace, "--set", values)["Deployment cloudsso-system/cloudsso-operator"].Object
			Expect(firstContainer(deployment)["env"]).To(ContainElement(map[string]any{"name": "OTEL_EXPORTER_OTLP_CERTIFICATE", "value": "/tracing/ca.crt"}))
			Expect(firstContainer(deployment)["volumeMounts"]).To(And(HaveLen(volumes), ContainElement(HaveKeyWithValue("mountPath", "/tracing"))))
			Expect(nested(deployment, "spec", "template", "spec", "volumes")).To(And(HaveLen(volumes),
				ContainElement(HaveKeyWithValue("configMap", map[string]any{"name": "collector-ca", "optional": true}))))
		}
	})

	It("lets namespaces with labels alone be directories, and writes the provisioning log into a volume", func(ctx SpecContext) {
		const values = "directoryNamespaceSelector=team in (a\\,b),auditLog.volume.persistentVolumeClaim.claimName=audit,auditLog.required=true"
		for value, volumes := range map[string]int{values: 2, values + ",tls.endsBefore=true": 1} {
			deployment := template(ctx, release, namespace, "--set", value)["Deployment cloudsso-system/cloudsso-operator"].Object
			container, pod := firstContainer(deployment), nested(deployment, "spec", "template", "spec")
			Expect(container["args"]).To(ContainElements("--directory-namespace-selector=team in (a,b)", "--audit-log-path=/audit/provisioning.log", "--audit-log-required"))
			Expect(container["env"]).To(ContainElement(map[string]any{
				"name": "POD_NAME", "valueFrom": map[string]any{"fieldRef": map[string]any{"fieldPath": "metadata.name"}},
			}))
			Expect(container["volumeMounts"]).To(And(HaveLen(volumes), ContainElement(
				map[string]any{"name": "audit", "mountPath": "/audit", "subPathExpr": "$(POD_NAME)"})))
			Expect(nested(deployment, "spec", "template", "spec", "volumes")).To(And(HaveLen(volumes), ContainElement(
				map[string]any{"name": "audit", "persistentVolumeClaim": map[string]any{"claimName": "audit"}})))
			Expect(pod).To(HaveKeyWithValue("securityContext", HaveKeyWithValue("fsGroup", float64(65532))))
		}
	})

	It("keeps personal data from view", func(ctx SpecContext) {
		viewer := template(ctx, release, namespace, "--set", "aggregateToView=false")["ClusterRole /cloudsso-viewer"]
		Expect(viewer.GetLabels()).To(And(HaveKeyWithValue("rbac.authorization.k8s.io/aggregate-to-admin", "true"),
			Not(HaveKey("rbac.authorization.k8s.io/aggregate-to-view"))))
	})

	It("serves the console behind a proxy, with a provider of a private CA", func(ctx SpecContext) {
		rendered := template(ctx, release, namespace, "--set", "console.enabled=true,console.tls.endsBefore=true,console.clientID=mine,console.scopes={profile,offline_access}",
			"--set", "console.issuer.url=https://keycloak.example.com:8443/realms/a,console.issuer.caConfigMap=keycloak-ca,networkPolicy.apiServerPorts={7443}")
		deployment := rendered["Deployment cloudsso-system/cloudsso-console"].Object
		Expect(firstContainer(deployment)["args"]).To(And(ContainElements("--insecure-http", "--bind-address=:8443", "--client-id=mine",
			"--scopes=profile,offline_access", "--issuer-ca-file=/issuer/ca.crt", "--operator-namespace=$(OPERATOR_NAMESPACE)"), Not(ContainElement(HavePrefix("--tls")))))
		Expect(firstContainer(deployment)["env"]).To(ContainElement(map[string]any{
			"name": "OPERATOR_NAMESPACE", "valueFrom": map[string]any{"fieldRef": map[string]any{"fieldPath": "metadata.namespace"}},
		}))
		Expect(nested(deployment, "spec", "template", "spec", "volumes")).To(ConsistOf(
			HaveKeyWithValue("name", "secret"), HaveKeyWithValue("name", "kubernetes"), HaveKeyWithValue("configMap", map[string]any{"name": "keycloak-ca"})))
		Expect(nested(rendered["Service cloudsso-system/cloudsso-console"].Object, "spec", "ports")).To(ConsistOf(HaveKeyWithValue("port", float64(80))))
		Expect(nested(rendered["NetworkPolicy cloudsso-system/cloudsso-console"].Object, "spec", "egress")).To(And(
			ContainElement(map[string]any{"ports": []any{map[string]any{"protocol": "TCP", "port": float64(7443)}}}),
			ContainElement(map[string]any{"ports": []any{map[string]any{"protocol": "TCP", "port": float64(8443)}}})))
	})

	It("keeps the CRDs, and has none if another release has them", func(ctx SpecContext) {
		count := 0
		for _, o := range template(ctx, release, namespace) {
			if o.GetKind() == "CustomResourceDefinition" {
				count++
				Expect(o.GetAnnotations()).To(HaveKeyWithValue("helm.sh/resource-policy", "keep"))
			}
		}
		Expect(count).To(Equal(7))
		for key := range template(ctx, release, namespace, "--set", "crds.enabled=false") {
			Expect(key).NotTo(HavePrefix("CustomResourceDefinition"))
		}
	})

	It("says that the public URL is an example, unless it is set", func(ctx SpecContext) {
		const said = "This is the chart's example. Set scim.publicURL"
		arguments := []string{"install", release, chart, "--namespace", namespace, "--dry-run=client"}
		Expect(mustHelm(ctx, arguments...)).To(ContainSubstring(said))
		Expect(mustHelm(ctx, append(arguments, "--set", "scim.publicURL=https://scim.example.net/scim/v2")...)).NotTo(ContainSubstring(said))
	})

	It("says what is missing for an identity provider to reach it", func(ctx SpecContext) {
		const image, outside = "Its image is cloudsso-operator:latest, which only nodes that have it already can run", "let requests from outside in"
		arguments := []string{"install", release, chart, "--namespace", namespace, "--dry-run=client"}
		Expect(mustHelm(ctx, arguments...)).To(And(ContainSubstring(image), ContainSubstring(outside), ContainSubstring("docs/install.md#create-a-directory")))
		complete := mustHelm(ctx, append(arguments, "--set", "image.repository=registry.example.com/cloudsso-operator,ingress.enabled=true")...)
		Expect(complete).NotTo(Or(ContainSubstring("Its image is"), ContainSubstring(outside)))
	})

	It("passes helm lint", func(ctx SpecContext) {
		mustHelm(ctx, "lint", chart, "--strict")
	})

	DescribeTable("refuses", func(ctx SpecContext, value, message string) {
		for _, arguments := range [][]string{{"lint", chart}, {"template", release, chart}, {"install", release, chart, "--dry-run=client"}} {
			output, err := helm(ctx, append(arguments, "--set", value)...)
			Expect(err).To(HaveOccurred(), "%s", arguments)
			Expect(output + err.Error()).To(ContainSubstring(message))
		}
	},
		Entry("no replicas", "replicas=0", "at '/replicas': minimum: got 0, want 1"),
		Entry("an unknown key", "replica=3", "at '': additional properties 'replica' not allowed"),
		Entry("an unknown key of a section", "tls.secret=mine", "at '/tls': additional properties 'secret' not allowed"),
		Entry("a URL with an underscore, which Okta refuses", "scim.publicURL=https://a_b.example.com/scim/v2", "at '/scim/publicURL'"),
		Entry("a shard without namespaces", "shard.name=south", "at '/shard/namespaces': minItems: got 0, want 1"),
		Entry("namespaces without a shard", "shard.namespaces={globex}", "at '/shard/namespaces': maxItems: got 1, want 0"),
		Entry("a shard whose name is none of a lease", "shard.name=a.b,shard.namespaces={globex}", "at '/shard/name'"),
		Entry("a collector without a port", "tracing.endpoint=http://collector", "at '/tracing/endpoint'"),
		Entry("a collector over TLS without its CAs", "tracing.endpoint=https://collector:4317", "at '/tracing/caConfigMap': minLength: got 0, want 1"),
		Entry("a log that is required and has no volume", "auditLog.required=true", "at '/auditLog/volume': minProperties: got 0, want 1"),
		Entry("two sources of a volume", "auditLog.volume.emptyDir.medium=Memory,auditLog.volume.nfs.path=/a", "at '/auditLog/volume'"),
		Entry("a variable that is none of OpenTelemetry's", "tracing.env[0].name=HTTPS_PROXY", "at '/tracing/env/0/name'"),
		Entry("a console that browsers reach without TLS", "console.url=http://console.example.com", "at '/console/url'"),
		Entry("a console below a path", "console.url=https://example.com/console", "at '/console/url'"),
		Entry("a main release without a shard", "mainRelease=other", "at '/shard/name': minLength: got 0, want 1"),
	)

	It("refuses a release that names itself as the main one", func(ctx SpecContext) {
		_, err := helm(ctx, "template", "south", chart, "--set", "mainRelease=south,shard.name=south,shard.namespaces={globex}")
		Expect(err).To(MatchError(ContainSubstring("mainRelease names this release, south")))
	})

	It("refuses a release whose Job would have too long a name", func(ctx SpecContext) {
		longest := strings.Repeat("a", 38)
		rendered := parse([]byte(mustHelm(ctx, "template", longest, chart, "--namespace", "default", "--set", allComponents)))
		Expect(cluster.Create(ctx, rendered["Job default/"+longest+"-cloudsso-remove-bindings"], client.DryRunAll)).To(Succeed())
		_, err := helm(ctx, "template", longest+"a", chart)
		Expect(err).To(MatchError(ContainSubstring("more than 38 characters")))
	})

	It("has texts where Kubernetes wants texts, whatever the names of release and namespace", func(ctx SpecContext) {
		for key, o := range parse([]byte(mustHelm(ctx, "template", "2024", chart, "--namespace", "2025", "--set", allComponents))) {
			labels, _, err := unstructured.NestedStringMap(o.Object, "metadata", "labels")
			Expect(err).NotTo(HaveOccurred(), key)
			Expect(labels).To(HaveKeyWithValue("app.kubernetes.io/instance", "2024"))
			Expect(nested(o.Object, "metadata", "namespace")).To(Or(BeNil(), Equal("2025")), key)
		}
	})

	It("takes back access before it is uninstalled, with the Job of make undeploy", func(ctx SpecContext) {
		hooks := parse([]byte(mustHelm(ctx, "template", release, chart, "--namespace", namespace, "--set", "access.enabled=true", "--show-only", "templates/remove_bindings.yaml")))
		Expect(hooks).To(HaveLen(6))
		for _, o := range hooks {
			Expect(o.GetAnnotations()).To(HaveKeyWithValue("helm.sh/hook", "pre-delete"), o.GetKind())
			Expect(o.GetAnnotations()).To(HaveKeyWithValue("helm.sh/hook-delete-policy", "before-hook-creation,hook-succeeded"), o.GetKind())
		}
		var job batchv1.Job
		var cronJob batchv1.CronJob
		convert := runtime.DefaultUnstructuredConverter.FromUnstructured
		Expect(convert(hooks["Job cloudsso-system/cloudsso-remove-bindings"].Object, &job)).To(Succeed())
		Expect(convert(kustomize(ctx, uncomment("access")...)["CronJob cloudsso-system/cloudsso-remove-bindings"].Object, &cronJob)).To(Succeed())
		expected := cronJob.Spec.JobTemplate.Spec
		expected.Template.Spec.ServiceAccountName = "cloudsso-remove-bindings"
		expected.Template.Spec.Containers[0].Args = []string{"--remove-bindings", "--stop-deployment=cloudsso-operator", "--operator-namespace=cloudsso-system"}
		Expect(job.Spec).To(Equal(expected))
		Expect(mustHelm(ctx, "template", release, chart)).NotTo(ContainSubstring("helm.sh/hook"))
	})

	It("takes back the access of its own directories, if it is a shard, with the image and the priority of the operator", func(ctx SpecContext) {
		hooks := parse([]byte(mustHelm(ctx, "template", "south", chart, "--namespace", namespace, "--show-only", "templates/remove_bindings.yaml", "--set",
			"access.enabled=true,mainRelease="+release+",shard.name=south,shard.namespaces={globex,initech},image.pullPolicy=Never,priorityClassName=high")))
		job := hooks["Job cloudsso-system/south-cloudsso-remove-bindings"].Object
		Expect(nested(job, "spec", "template", "spec", "priorityClassName")).To(Equal("high"))
		Expect(firstContainer(job)).To(And(HaveKeyWithValue("imagePullPolicy", "Never"), HaveKeyWithValue("args", []any{
			"--remove-bindings",
			"--stop-deployment=south-cloudsso-operator", "--operator-namespace=cloudsso-system", "--shard=south", "--namespaces=globex,initech",
		})))
	})
})

// nested returns a field of an object; a nil value if it is absent.
func nested(o map[string]any, path ...string) any {
	GinkgoHelper()
	value, _, err := unstructured.NestedFieldNoCopy(o, path...)
	Expect(err).NotTo(HaveOccurred())
	return value
}

// expectType returns a value of a rendered object as what it must be.
func expectType[T any](value any) T {
	GinkgoHelper()
	typed, ok := value.(T)
	Expect(ok).To(BeTrue(), "%v is %T", value, value)
	return typed
}

// firstContainer returns the first container of a workload.
func firstContainer(workload map[string]any) map[string]any {
	GinkgoHelper()
	return expectType[map[string]any](expectType[[]any](nested(workload, "spec", "template", "spec", "containers"))[0])
}
