// Package admissionpolicy compares the admission policies of a cluster with those that the operator comes with.
package admissionpolicy

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"

	policyconfig "github.com/cloudsso/cloudsso-operator/config/policy"
)

// Set is policies and their bindings.
type Set struct {
	Policies []admissionv1.ValidatingAdmissionPolicy
	Bindings []admissionv1.ValidatingAdmissionPolicyBinding
}

// Required returns the policies of config/policy, as the API server stores them. It panics if a manifest cannot be decoded;
// a test decodes them.
var Required = sync.OnceValue(func() (required Set) {
	err := fs.WalkDir(policyconfig.Manifests, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		manifest, err := policyconfig.Manifests.ReadFile(path)
		return errors.Join(err, required.decode(manifest))
	})
	if err != nil {
		panic(err)
	}
	return required
})

// decode adds the policies and bindings of a manifest to the set. It ignores other kinds.
func (s *Set) decode(manifest []byte) error {
	documents := yaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(manifest)))
	defer documents.Close()
	buffer := make([]byte, len(manifest))
	for {
		n, err := documents.Read(buffer)
		if errors.Is(err, io.EOF) {
			return nil
		}
		var kind metav1.TypeMeta
		if err := errors.Join(err, yaml.Unmarshal(buffer[:n], &kind)); err != nil {
			return err
		}
		switch kind.Kind {
		case "ValidatingAdmissionPolicy":
			var policy admissionv1.ValidatingAdmissionPolicy
			err = yaml.UnmarshalStrict(buffer[:n], &policy)
			setDefaults(policy.Spec.MatchConstraints)
			s.Policies = append(s.Policies, policy)
		case "ValidatingAdmissionPolicyBinding":
			var binding admissionv1.ValidatingAdmissionPolicyBinding
			err = yaml.UnmarshalStrict(buffer[:n], &binding)
			s.Bindings = append(s.Bindings, binding)
		}
		if err != nil {
			return err
		}
	}
}

// setDefaults sets what the API server sets in matchConstraints.
func setDefaults(m *admissionv1.MatchResources) {
	m.MatchPolicy = new(admissionv1.Equivalent)
	m.NamespaceSelector, m.ObjectSelector = &metav1.LabelSelector{}, &metav1.LabelSelector{}
	for i := range m.ResourceRules {
		m.ResourceRules[i].Scope = new(admissionv1.AllScopes)
	}
}

// Problem is a required policy that does not protect.
type Problem struct {
	Policy string // its name in config/policy
	What   string // what is wrong with it
}

// String returns the problem as part of a message.
func (p Problem) String() string { return p.Policy + " " + p.What }

// Problems returns what is wrong in a cluster with the policies that s requires. A kustomization may have put a prefix
// before their names.
func (s Set) Problems(installed Set) (all []Problem) {
	for _, required := range s.Policies {
		at := slices.IndexFunc(installed.Policies, func(p admissionv1.ValidatingAdmissionPolicy) bool {
			return strings.HasSuffix(p.Name, required.Name)
		})
		switch {
		case at < 0:
			all = append(all, Problem{required.Name, "is absent"})
		case !equality.Semantic.DeepEqual(withoutAccounts(required), withoutAccounts(installed.Policies[at])):
			all = append(all, Problem{required.Name, "has been changed"})
		case !installed.hasBinding(s.bindingOf(required.Name), installed.Policies[at].Name):
			all = append(all, Problem{required.Name, "has no binding, or one that has been changed"})
		}
	}
	return all
}

// accounts are the variables of a policy that name the operator's service accounts, which each installation sets.
var accounts = []string{"operator", "shards"}

// withoutAccounts returns the spec of a policy without the accounts of an installation.
func withoutAccounts(policy admissionv1.ValidatingAdmissionPolicy) admissionv1.ValidatingAdmissionPolicySpec {
	spec := *policy.Spec.DeepCopy()
	for i, variable := range spec.Variables {
		if slices.Contains(accounts, variable.Name) {
			spec.Variables[i].Expression = ""
		}
	}
	return spec
}

// bindingOf returns the spec of the binding of a policy.
func (s Set) bindingOf(policy string) (none admissionv1.ValidatingAdmissionPolicyBindingSpec) {
	for _, b := range s.Bindings {
		if b.Spec.PolicyName == policy {
			return b.Spec
		}
	}
	return none
}

// hasBinding reports whether the set has a binding like the required one for a policy of another name.
func (s Set) hasBinding(required admissionv1.ValidatingAdmissionPolicyBindingSpec, policy string) bool {
	required.PolicyName = policy
	return slices.ContainsFunc(s.Bindings, func(b admissionv1.ValidatingAdmissionPolicyBinding) bool {
		return equality.Semantic.DeepEqual(required, b.Spec)
	})
}
