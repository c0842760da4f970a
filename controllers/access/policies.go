package access

import (
	"context"
	"fmt"
	"strings"
	"sync"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/internal/admissionpolicy"
)

// policies knows whether the admission policies are installed that keep people from granting themselves access through the
// operator. Safe for concurrent use.
type policies struct {
	reader client.Reader // reads from the cache
	writer client.Writer

	mu       sync.Mutex
	username string // the operator's; "" until it is known
	isKnown  bool   // missing is that of the policies as they are now
	missing  string
}

// changed tells that a policy or a binding of one has changed.
func (p *policies) changed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.isKnown = false
}

// problem returns what is wrong with the policies, as part of a message; "" if they are installed as required.
func (p *policies) problem(ctx context.Context) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isKnown {
		return p.missing, nil
	}
	var found admissionv1.ValidatingAdmissionPolicyList
	var bindings admissionv1.ValidatingAdmissionPolicyBindingList
	for _, list := range []client.ObjectList{&found, &bindings} {
		if err := p.reader.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
			return "", fmt.Errorf("listing the admission policies: %w", err)
		}
	}
	if err := p.learnUsername(ctx); err != nil {
		return "", err
	}
	var all []string
	for _, problem := range admissionpolicy.RequiredForAccess().Problems(admissionpolicy.Set{Policies: found.Items, Bindings: bindings.Items}, p.username) {
		all = append(all, problem.String())
	}
	p.missing, p.isKnown = strings.Join(all, ", "), true
	return p.missing, nil
}

// learnUsername asks the API server for the name that it knows the operator by, which every account may ask for.
func (p *policies) learnUsername(ctx context.Context) error {
	if p.username != "" {
		return nil
	}
	var review authenticationv1.SelfSubjectReview
	if err := p.writer.Create(ctx, &review, client.DisableReadYourWritesConsistency); err != nil {
		return fmt.Errorf("asking for the operator's own user name: %w", err)
	}
	p.username = review.Status.UserInfo.Username
	return nil
}
