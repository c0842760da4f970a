// Package admissionpolicy compares the admission policies of a cluster with those that the operator comes with.
package admissionpolicy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"sync"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"

	policyconfig "github.com/cloudsso/cloudsso-operator/config/policy"
)

// Remedy is the end of a message about problems: what an administrator does.
const Remedy = `to install the policies again, run helm upgrade or make deploy as docs/install.md says in "Repair"`

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

// accessPolicies are the policies that decide who may assign a role, and which Kubernetes users get it.
var accessPolicies = []string{"cloudsso-access-assignments", "cloudsso-usernames"}

// RequiredForAccess returns the policies that decide who may assign a role, and which Kubernetes users get it. Unless they are installed as required, the
// operator must not grant anything.
var RequiredForAccess = sync.OnceValue(func() (required Set) {
	for _, p := range Required().Policies {
		if slices.Contains(accessPolicies, p.Name) {
			required.Policies = append(required.Policies, p)
		}
	}
	for _, b := range Required().Bindings {
		if slices.Contains(accessPolicies, b.Spec.PolicyName) {
			required.Bindings = append(required.Bindings, b)
		}
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

// Problems returns what is wrong in a cluster with the policies that s requires, for the operator that the API server knows
// as username. A kustomization may have put a prefix before their names, so a cluster with several installations has
// several policies of a name: one that has no problem is enough.
func (s Set) Problems(installed Set, username string) (all []Problem) {
	for _, required := range s.Policies {
		what := "is absent"
		for _, policy := range installed.Policies {
			if !strings.HasSuffix(policy.Name, required.Name) {
				continue
			}
			if what = s.compare(required, policy, installed, username); what == "" {
				break
			}
		}
		if what != "" {
			all = append(all, Problem{required.Name, what})
		}
	}
	return all
}

// compare returns what is wrong with a policy of the cluster; "" if it is as required.
func (s Set) compare(required, policy admissionv1.ValidatingAdmissionPolicy, installed Set, username string) string {
	if !equality.Semantic.DeepEqual(withoutAccounts(required), withoutAccounts(policy)) {
		return "has been changed"
	}
	if what := problemOfAccounts(policy, username); what != "" {
		return what
	}
	if !installed.hasBinding(s.bindingOf(required.Name), policy.Name) {
		return "has no binding, or one that has been changed"
	}
	return ""
}

// accounts are the variables of a policy that name the operator's service accounts, which each installation sets. Each is a
// CEL expression, of which the function returns the texts; nil for an expression that has anything else in it.
var accounts = map[string]struct {
	texts func(expression string) []string
	form  string // what the expression has to be, for a message
}{
	"operator": {concatenated, `the name of a service account in quotes, such as 'system:serviceaccount:cloudsso-system:cloudsso-operator'`},
	"shards":   {listed, `a list of names of service accounts in quotes, such as ['system:serviceaccount:cloudsso-south:cloudsso-operator']`},
}

// withoutAccounts returns the spec of a policy without the accounts of an installation.
func withoutAccounts(policy admissionv1.ValidatingAdmissionPolicy) admissionv1.ValidatingAdmissionPolicySpec {
	spec := *policy.Spec.DeepCopy()
	for i, variable := range spec.Variables {
		if _, names := accounts[variable.Name]; names {
			spec.Variables[i].Expression = ""
		}
	}
	return spec
}

// problemOfAccounts returns what is wrong with the variables of a policy that name accounts; "" if one of them names the
// operator's account, or the policy has none. An expression that is evaluated for each request, such as
// request.userInfo.username, would exempt every user.
func problemOfAccounts(policy admissionv1.ValidatingAdmissionPolicy, username string) string {
	isNamed, hasAccounts := false, false
	for _, variable := range policy.Spec.Variables {
		account, names := accounts[variable.Name]
		if !names {
			continue
		}
		all := account.texts(variable.Expression)
		if all == nil || slices.ContainsFunc(all, func(name string) bool { return !serviceAccount.MatchString(name) }) {
			return fmt.Sprintf("may exempt other users than the operator: its variable %s is not %s", variable.Name, account.form)
		}
		hasAccounts, isNamed = true, isNamed || slices.Contains(all, username)
	}
	if hasAccounts && !isNamed {
		return "does not name the operator's service account " + username
	}
	return ""
}

// serviceAccount matches the full user name of a service account.
var serviceAccount = regexp.MustCompile(`^system:serviceaccount:[a-z0-9-]+:[a-z0-9.-]+$`)

// A text of CEL in quotes, without a backslash or another quote in it, and the expressions that are made of such texts alone.
const text = `(?:'[^'"\\\n]*'|"[^'"\\\n]*")`

var (
	textOfCEL     = regexp.MustCompile(text)
	concatenation = regexp.MustCompile(`^\s*` + text + `(?:\s*\+\s*` + text + `)*\s*$`)
	list          = regexp.MustCompile(`^\s*\[\s*(?:` + text + `(?:\s*,\s*` + text + `)*)?\s*\]\s*$`)
)

// concatenated returns the text that a concatenation of texts in quotes makes, as the only element.
func concatenated(expression string) []string {
	if !concatenation.MatchString(expression) {
		return nil
	}
	return []string{strings.Join(textsOf(expression), "")}
}

// listed returns the elements of a list of texts in quotes.
func listed(expression string) []string {
	if !list.MatchString(expression) {
		return nil
	}
	return textsOf(expression)
}

// textsOf returns the texts of an expression without their quotes.
func textsOf(expression string) []string {
	texts := textOfCEL.FindAllString(expression, -1)
	all := make([]string, len(texts))
	for i, quoted := range texts {
		all[i] = quoted[1 : len(quoted)-1]
	}
	return all
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
