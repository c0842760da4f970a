// Package okta_test plays Okta's life cycle against the operator: a real control plane, the manager as a
// process of its own, TLS, and the operator's own least-privilege identity.
//
// The requests are those of https://developer.okta.com/docs/api/openapi/okta-scim/guides/scim-20 and of Okta's SCIM 2.0
// specification test. Each other one has its source beside it.
package okta_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
	"github.com/cloudsso/cloudsso-operator/test/collector"
	"github.com/cloudsso/cloudsso-operator/test/provider"
)

func TestOkta(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Okta's life cycle")
}

var (
	environment *quickstart.Environment
	okta        *provider.Client
	traces      *collector.Collector
	auditLog    string
)

var _ = BeforeSuite(func(ctx SpecContext) {
	SetDefaultEventuallyTimeout(20 * time.Second)
	SetDefaultEventuallyPollingInterval(5 * time.Millisecond)
	var err error
	auditLog = filepath.Join(GinkgoT().TempDir(), "audit.log")
	environment, err = quickstart.Start(ctx, quickstart.Options{
		Dir: GinkgoT().TempDir(), Race: true, Flags: []string{"--audit-log-path=" + auditLog, startCollector()},
	})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(environment.Stop()).To(Succeed()) })
	okta, err = provider.New(environment.BaseURL, environment.Token, environment.CAFile)
	Expect(err).NotTo(HaveOccurred())
}, NodeTimeout(5*time.Minute))

// send sends a request and expects its status.
func send(ctx context.Context, status int, method, path, body string) *provider.Response {
	GinkgoHelper()
	response, err := okta.Do(ctx, method, path, body)
	Expect(err).NotTo(HaveOccurred())
	Expect(response.Status).To(Equal(status), "%s %s %s → %s", method, path, body, response.Raw)
	if response.Raw != "" {
		Expect(response.Header.Get("Content-Type")).To(HavePrefix("application/scim+json"))
		Expect(response.Body).NotTo(BeNil(), "not JSON: %s", response.Raw)
	}
	if status >= 400 {
		Expect(response.Body).To(HaveKeyWithValue("status", fmt.Sprint(status)), response.Raw)
		Expect(response.Body).To(HaveKeyWithValue("detail", Not(BeEmpty())), response.Raw)
	}
	return response
}

// user reads a user's custom resource.
func user(ctx context.Context, id string) *v1alpha1.CloudSSOUser {
	GinkgoHelper()
	u := &v1alpha1.CloudSSOUser{}
	Expect(environment.Admin.Get(ctx, client.ObjectKey{Namespace: environment.Namespace, Name: id}, u)).To(Succeed())
	return u
}

// group reads a group's custom resource.
func group(ctx context.Context, id string) *v1alpha1.CloudSSOGroup {
	GinkgoHelper()
	g := &v1alpha1.CloudSSOGroup{}
	Expect(environment.Admin.Get(ctx, client.ObjectKey{Namespace: environment.Namespace, Name: id}, g)).To(Succeed())
	return g
}

// stateOf returns a function that reads a user's state.
func stateOf(ctx context.Context, id string) func() v1alpha1.UserState {
	return func() v1alpha1.UserState { return user(ctx, id).Status.State }
}

// setSwitch turns the directory's switch, as an administrator does.
func setSwitch(ctx context.Context, position v1alpha1.Synchronization) {
	GinkgoHelper()
	d := &v1alpha1.CloudSSODirectory{}
	Expect(environment.Admin.Get(ctx, client.ObjectKey{Namespace: environment.Namespace, Name: v1alpha1.DirectoryName}, d)).To(Succeed())
	before := d.DeepCopy()
	d.Spec.SCIMSynchronization = position
	Expect(environment.Admin.Patch(ctx, d, client.MergeFrom(before))).To(Succeed())
}
