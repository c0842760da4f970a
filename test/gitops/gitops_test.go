package gitops_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/test/gitops"
)

const (
	configFolder = "../../config/argocd"
	page         = "../../docs/gitops.md"
	apiFolder    = "../../api/v1alpha1/"
)

// state is the condition Ready of an object, and what a tool that waits for the object is to make of it.
type state struct {
	ready  metav1.ConditionStatus
	reason string
	want   string // health of Argo CD
}

// states has every reason of the condition Ready, by kind.
var states = map[string][]state{
	"CloudSSODirectory": {
		{metav1.ConditionTrue, v1alpha1.ReasonReady, gitops.Healthy},
		{metav1.ConditionTrue, v1alpha1.ReasonSynchronizationDisabled, gitops.Healthy},
		{metav1.ConditionFalse, v1alpha1.ReasonAwaitingActivation, gitops.Degraded},
		{metav1.ConditionFalse, v1alpha1.ReasonNamespaceNotSelected, gitops.Degraded},
		{metav1.ConditionFalse, v1alpha1.ReasonNotPermitted, gitops.Degraded},
	},
	"CloudSSOUser": {
		{metav1.ConditionTrue, v1alpha1.ReasonReady, gitops.Healthy},
		{metav1.ConditionTrue, v1alpha1.ReasonDisabled, gitops.Healthy},
		{metav1.ConditionTrue, v1alpha1.ReasonSuspended, gitops.Healthy},
		{metav1.ConditionTrue, v1alpha1.ReasonDeprovisioned, gitops.Healthy},
		{metav1.ConditionFalse, v1alpha1.ReasonUserNameConflict, gitops.Degraded},
		{metav1.ConditionFalse, v1alpha1.ReasonUserNamePending, gitops.Progressing},
	},
	"CloudSSOGroup": {
		{metav1.ConditionTrue, v1alpha1.ReasonReady, gitops.Healthy},
		{metav1.ConditionFalse, v1alpha1.ReasonDisplayNameConflict, gitops.Degraded},
		{metav1.ConditionFalse, v1alpha1.ReasonDisplayNamePending, gitops.Progressing},
		{metav1.ConditionFalse, v1alpha1.ReasonUnknownMembers, gitops.Progressing},
	},
	"SCIMCredential": {
		{metav1.ConditionTrue, v1alpha1.ReasonReady, gitops.Healthy},
		{metav1.ConditionTrue, v1alpha1.ReasonDisabledCredential, gitops.Healthy},
		{metav1.ConditionTrue, v1alpha1.ReasonExpired, gitops.Healthy},
		{metav1.ConditionFalse, v1alpha1.ReasonQuotaExceeded, gitops.Degraded},
		{metav1.ConditionFalse, v1alpha1.ReasonTokenConflict, gitops.Degraded},
		{metav1.ConditionFalse, v1alpha1.ReasonSecretRefused, gitops.Degraded},
		{metav1.ConditionFalse, v1alpha1.ReasonExpiryMissing, gitops.Degraded},
		{metav1.ConditionFalse, v1alpha1.ReasonOldLayout, gitops.Degraded},
	},
	"CloudSSOAccessAssignment": {
		{metav1.ConditionTrue, v1alpha1.ReasonReady, gitops.Healthy},
		{metav1.ConditionTrue, v1alpha1.ReasonSynchronizationDisabled, gitops.Healthy},
		{metav1.ConditionTrue, v1alpha1.ReasonScheduled, gitops.Healthy},
		{metav1.ConditionTrue, v1alpha1.ReasonAccessExpired, gitops.Healthy},
		{metav1.ConditionTrue, v1alpha1.ReasonPreview, gitops.Healthy},
		{metav1.ConditionFalse, v1alpha1.ReasonPrincipalNotFound, gitops.Progressing},
		{metav1.ConditionFalse, v1alpha1.ReasonPrincipalAmbiguous, gitops.Progressing},
		{metav1.ConditionFalse, v1alpha1.ReasonRoleNotFound, gitops.Progressing},
		{metav1.ConditionFalse, v1alpha1.ReasonTargetNotFound, gitops.Progressing},
		{metav1.ConditionFalse, v1alpha1.ReasonAccessNotInstalled, gitops.Degraded},
		{metav1.ConditionFalse, v1alpha1.ReasonPolicyMissing, gitops.Degraded},
		{metav1.ConditionFalse, v1alpha1.ReasonPrincipalChanged, gitops.Degraded},
		{metav1.ConditionFalse, v1alpha1.ReasonRoleNotAllowed, gitops.Degraded},
		{metav1.ConditionFalse, v1alpha1.ReasonTargetExcluded, gitops.Degraded},
		{metav1.ConditionFalse, v1alpha1.ReasonWriteRefused, gitops.Degraded},
	},
}

// ofOtherConditions are the reasons that the condition Ready does not have, by kind.
var ofOtherConditions = map[string][]string{
	"CloudSSODirectory": {
		v1alpha1.ReasonActivated, v1alpha1.ReasonWritesRefused, v1alpha1.ReasonNothingRefused, v1alpha1.ReasonNamespaceSelected,
		v1alpha1.ReasonBudgetExceeded, v1alpha1.ReasonNothingWithheld, v1alpha1.ReasonPoliciesInstalled, v1alpha1.ReasonPolicyMissing,
	},
	"CloudSSOGroup":  {v1alpha1.ReasonAddedByHand, v1alpha1.ReasonWithoutEffect},
	"SCIMCredential": {v1alpha1.ReasonUsable, v1alpha1.ReasonExpiresSoon, v1alpha1.ReasonFarFromExpiry},
	"CloudSSOAccessAssignment": {
		v1alpha1.ReasonUsernameConflict, v1alpha1.ReasonUsernameInvalid, v1alpha1.ReasonNoUsers, v1alpha1.ReasonTooManySubjects,
	},
}

var declaredReason = regexp.MustCompile(`(?m)^\s*(?:const )?Reason\w+ = "(\w+)"$`)

func TestTheTableHasEveryReasonOfTheAPI(t *testing.T) {
	for kind, rows := range states {
		source, err := os.ReadFile(apiFolder + strings.ToLower(kind) + "_types.go")
		if err != nil {
			t.Fatal(err)
		}
		declared := declaredReason.FindAllStringSubmatch(string(source), -1)
		if len(declared) == 0 {
			t.Errorf("%s has no reasons", kind)
		}
		for _, reason := range declared {
			isOfReady := slices.ContainsFunc(rows, func(s state) bool { return s.reason == reason[1] })
			if isOfReady == slices.Contains(ofOtherConditions[kind], reason[1]) {
				t.Errorf("%s: the reason %s must be either a state or of another condition", kind, reason[1])
			}
		}
	}
}

// object returns an object of generation 2 with a status.
func object(kind, source string, status map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": kind, "metadata": map[string]any{"name": "one", "generation": int64(2)},
		"spec": map[string]any{"source": source}, "status": status,
	}}
}

// conditions returns an unrelated condition and a condition Ready.
func conditions(ready metav1.ConditionStatus, reason string) []any {
	return []any{
		map[string]any{"type": "Expiring", "status": "False", "reason": "FarFromExpiry", "message": "far"},
		map[string]any{"type": v1alpha1.ConditionReady, "status": string(ready), "reason": reason, "message": "why"},
	}
}

func TestToolsAgreeOnEveryReason(t *testing.T) {
	for kind, rows := range states {
		for _, s := range rows {
			t.Run(kind+" "+s.reason, func(t *testing.T) {
				observed := object(kind, "Manual", map[string]any{"observedGeneration": int64(2), "conditions": conditions(s.ready, s.reason)})
				expect(t, observed, s.want, s.reason+": why")
				stale := object(kind, "Manual", map[string]any{"observedGeneration": int64(1), "conditions": conditions(s.ready, s.reason)})
				expect(t, stale, gitops.Progressing, "not looked at")
			})
		}
	}
}

func TestToolsAgreeBeforeTheOperatorHasLooked(t *testing.T) {
	for kind := range states {
		if kind != "CloudSSOUser" {
			expect(t, object(kind, "Manual", map[string]any{"observedGeneration": int64(-1)}), gitops.Progressing, "not looked at")
		}
	}
	expect(t, object("CloudSSOUser", "Manual", map[string]any{"state": "Active"}), gitops.Progressing, "not looked at")
}

func TestToolsAgreeOnASynchronizedUser(t *testing.T) {
	expect(t, object("CloudSSOUser", "SCIM", map[string]any{"state": "Active"}), gitops.Healthy, "Active")
	for _, s := range states["CloudSSOUser"] {
		expect(t, object("CloudSSOUser", "SCIM", map[string]any{"conditions": conditions(s.ready, s.reason)}), s.want, s.reason)
	}
}

func TestADeletedObjectIsWaitedFor(t *testing.T) {
	held := object("CloudSSOUser", "SCIM", map[string]any{"conditions": conditions(metav1.ConditionTrue, v1alpha1.ReasonReady)})
	held.SetDeletionTimestamp(new(metav1.Now()))
	health, err := gitops.ArgoCD(t.Context(), script(t), held)
	if err != nil || health.Status != gitops.Progressing {
		t.Errorf("%v, %v", health, err)
	}
	if err := gitops.CheckAgreement(t.Context(), script(t), held); err != nil {
		t.Error(err)
	}
}

// expect expects the health of an object in Argo CD, that kstatus agrees, and that Flux with the expressions of the documentation
// waits, fails, or goes on.
func expect(t *testing.T, o *unstructured.Unstructured, want, message string) {
	t.Helper()
	health, err := gitops.ArgoCD(t.Context(), script(t), o)
	if err != nil {
		t.Fatal(err)
	}
	if health.Status != want || !strings.Contains(health.Message, message) {
		t.Errorf("%s: Argo CD shows %s (%s), want %s (%s)", o.GetKind(), health.Status, health.Message, want, message)
	}
	if err := gitops.CheckAgreement(t.Context(), script(t), o); err != nil {
		t.Errorf("%s: %v", o.GetKind(), err)
	}
	inFlux, err := gitops.Flux(t.Context(), expressions(t)[o.GetKind()], o)
	if err != nil {
		t.Fatal(err)
	}
	wantInFlux := map[string]status.Status{
		gitops.Healthy: status.CurrentStatus, gitops.Progressing: status.InProgressStatus, gitops.Degraded: status.FailedStatus,
	}[want]
	if inFlux != wantInFlux {
		t.Errorf("%s: Flux computes %s, want %s", o.GetKind(), inFlux, wantInFlux)
	}
}

func script(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(configFolder + "/health.lua")
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

var kustomizationBlock = regexp.MustCompile("(?s)```yaml\n(apiVersion: kustomize.toolkit.fluxcd.io/v1\n.*?)```")

// expressions returns the health check expressions of the documentation, by kind.
func expressions(t *testing.T) map[string]gitops.Expressions {
	t.Helper()
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	byKind := map[string]gitops.Expressions{}
	for _, block := range kustomizationBlock.FindAllStringSubmatch(string(content), -1) {
		var kustomization struct {
			Spec struct{ HealthCheckExprs []gitops.Expressions }
		}
		if err := yaml.Unmarshal([]byte(block[1]), &kustomization); err != nil {
			t.Fatal(err)
		}
		for _, e := range kustomization.Spec.HealthCheckExprs {
			if e.APIVersion != v1alpha1.GroupVersion.String() {
				t.Errorf("%s is of %s", e.Kind, e.APIVersion)
			}
			byKind[e.Kind] = e
		}
	}
	return byKind
}

func TestTheDocumentationHasExpressionsForEachKind(t *testing.T) {
	got, want := slices.Sorted(maps.Keys(expressions(t))), slices.Sorted(maps.Keys(states))
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

var ownBlock = regexp.MustCompile("(?s)```yaml\n(apiVersion: cloudsso.dev/v1alpha1\n.*?)```")

func TestTheManifestsOfTheDocumentationHaveNoUnknownField(t *testing.T) {
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	blocks := ownBlock.FindAllStringSubmatch(string(content), -1)
	if len(blocks) == 0 {
		t.Error("there is none")
	}
	for _, block := range blocks {
		var meta metav1.TypeMeta
		if err := yaml.Unmarshal([]byte(block[1]), &meta); err != nil {
			t.Fatal(err)
		}
		var into any = &v1alpha1.CloudSSODirectory{}
		if meta.Kind == "SCIMCredential" {
			into = &v1alpha1.SCIMCredential{}
		}
		if err := yaml.UnmarshalStrict([]byte(block[1]), into); err != nil {
			t.Errorf("%s: %v", meta.Kind, err)
		}
	}
}

func TestArgoCDIsConfiguredForEachKind(t *testing.T) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), configFolder)
	if err != nil {
		t.Fatal(err)
	}
	content, err := built.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	var configMap struct {
		Kind     string
		Metadata struct{ Name string }
		Data     map[string]string
	}
	if err := yaml.Unmarshal(content, &configMap); err != nil {
		t.Fatal(err)
	}
	if configMap.Kind != "ConfigMap" || configMap.Metadata.Name != "argocd-cm" {
		t.Errorf("it is %s %s", configMap.Kind, configMap.Metadata.Name)
	}
	want := map[string]string{}
	for kind := range states {
		want["resource.customizations.health."+v1alpha1.GroupVersion.Group+"_"+kind] = script(t)
	}
	if !maps.Equal(configMap.Data, want) {
		t.Errorf("it has the keys %v", slices.Sorted(maps.Keys(configMap.Data)))
	}
}

func TestAScriptMustReturnAHealth(t *testing.T) {
	o := object("CloudSSOGroup", "Manual", map[string]any{})
	for text, want := range map[string]string{
		"return 1":                           "not a table",
		"return {status = 'Fine'}":           `the status "Fine"`,
		"return {status = string.upper('')}": "attempt to index",
		"while true do end":                  "context deadline exceeded",
	} {
		if _, err := gitops.ArgoCD(t.Context(), text, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}
