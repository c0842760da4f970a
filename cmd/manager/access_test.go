package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/access"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
)

// asManager is the environment variable that makes the test binary the manager.
const asManager = "CLOUDSSO_TEST_AS_MANAGER"

// process is the manager as a process of its own.
type process struct {
	*exec.Cmd
	output bytes.Buffer
}

// newProcess returns a process that has not started.
func newProcess(t *testing.T, kubeconfig string, flags ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.CommandContext(t.Context(), os.Args[0], flags...)}
	p.Env = append(os.Environ(), asManager+"=yes", "KUBECONFIG="+kubeconfig)
	p.Stdout, p.Stderr = &p.output, &p.output
	return p
}

// cluster is a control plane of which the operator has the rights of config/rbac.
type cluster struct {
	*testing.T
	admin                               client.Client
	leader                              client.Client // makes bindings
	adminKubeconfig, operatorKubeconfig string
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	cp, err := controlplane.Start(t.Context(), controlplane.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cp.Stop(); err != nil {
			t.Error(err)
		}
	})
	scheme, err := newScheme()
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{T: t}
	if c.admin, err = client.New(cp.Admin(), client.Options{Scheme: scheme}); err != nil {
		t.Fatal(err)
	}
	if c.leader, err = client.New(cp.UnlimitedOperator(), client.Options{Scheme: scheme}); err != nil {
		t.Fatal(err)
	}
	operator, err := cp.Operator(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for path, config := range map[*string]*rest.Config{&c.adminKubeconfig: cp.Admin(), &c.operatorKubeconfig: operator} {
		content, err := cp.Kubeconfig(config)
		if err != nil {
			t.Fatal(err)
		}
		*path = filepath.Join(t.TempDir(), "kubeconfig")
		if err := os.WriteFile(*path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func (c *cluster) create(all ...client.Object) {
	c.Helper()
	for _, o := range all {
		if err := c.admin.Create(c.Context(), o); err != nil {
			c.Fatal(err)
		}
	}
}

func (c *cluster) bind(b *rbacv1.RoleBinding) {
	c.Helper()
	if err := c.leader.Create(c.Context(), b); err != nil {
		c.Fatal(err)
	}
}

// role returns a ClusterRole, and a binding of it to the operator.
func role(name string, rules ...rbacv1.PolicyRule) []client.Object {
	return []client.Object{
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
			Subjects: []rbacv1.Subject{{
				Kind: rbacv1.ServiceAccountKind, Namespace: controlplane.SystemNamespace, Name: controlplane.OperatorServiceAccount,
			}},
		},
	}
}

// binding returns a projected RoleBinding in the namespace of its directory.
func binding(namespace, principal string, names ...string) *rbacv1.RoleBinding {
	b := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: access.BindingName(namespace, "pods", 0)},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
		Subjects:   access.Subjects(names),
	}
	access.Origin{Directory: namespace, Assignment: "pods", Kind: v1alpha1.PrincipalUser, Principal: principal}.Write(b)
	return b
}

func TestAccess(t *testing.T) {
	c := newCluster(t)
	t.Run("a missing right ends the operator, and says what to do", func(t *testing.T) {
		p := newProcess(t, c.operatorKubeconfig, "--scim-public-url=http://127.0.0.1/scim/v2", "--scim-insecure-http", "--scim-bind-address=127.0.0.1:0",
			"--metrics-bind-address=0", "--health-probe-bind-address=0", "--access")
		if err := p.Run(); err == nil || !strings.Contains(p.output.String(), "config/access") {
			t.Errorf("%v:\n%s", err, p.output.String())
		}
	})
	reading := []string{"get", "list", "watch"}
	c.create(role("test-access",
		rbacv1.PolicyRule{APIGroups: []string{rbacv1.GroupName}, Resources: []string{"rolebindings", "clusterrolebindings"}, Verbs: []string{"get", "list", "watch", "create", "patch", "delete"}},
		rbacv1.PolicyRule{APIGroups: []string{rbacv1.GroupName}, Resources: []string{"clusterroles"}, ResourceNames: []string{"view"}, Verbs: []string{"bind"}},
		rbacv1.PolicyRule{APIGroups: []string{rbacv1.GroupName}, Resources: []string{"roles", "clusterroles"}, Verbs: reading},
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: reading},
		rbacv1.PolicyRule{APIGroups: []string{"admissionregistration.k8s.io"}, Resources: []string{"*"}, Verbs: reading},
	)...)
	t.Run("a replica without a leader takes a leaver's access", func(t *testing.T) { c.testLeaver(t) })
	t.Run("a shard does so too", func(t *testing.T) { c.testLeaver(t, "--shard=north") })
	t.Run("projected bindings are removed", func(t *testing.T) { c.testRemoval(t) })
}

func (c *cluster) testRemoval(t *testing.T) {
	c.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "removal"}})
	remove := func(flags ...string) (string, error) {
		p := newProcess(t, c.operatorKubeconfig, append(flags, "--remove-bindings")...)
		err := p.Run()
		return p.output.String(), err
	}
	b := binding("removal", "alice", "alice")
	c.bind(b)
	if output, err := remove("--shard=south", "--namespaces=elsewhere"); err != nil || !strings.Contains(output, "0 projected bindings removed") {
		t.Errorf("of another shard: %v:\n%s", err, output)
	}
	if output, err := remove(); err != nil || !strings.Contains(output, "3 projected bindings removed") { // one is of each test above
		t.Errorf("%v:\n%s", err, output)
	}
	if output, err := remove(); err != nil || !strings.Contains(output, "0 projected bindings removed") {
		t.Errorf("%v:\n%s", err, output)
	}
	b.ResourceVersion, b.Finalizers = "", []string{"example.com/kept"}
	c.bind(b)
	if output, err := remove(); err == nil || !strings.Contains(output, "1 bindings are left, such as RoleBinding removal/"+b.Name) {
		t.Errorf("%v:\n%s", err, output)
	}
	b.Finalizers = nil
	if err := c.admin.Update(t.Context(), b); err != nil && !apierrors.IsConflict(err) {
		t.Error(err)
	}
}

// testLeaver starts a replica that cannot become the leader, and deactivates a user over SCIM.
func (c *cluster) testLeaver(t *testing.T, flags ...string) {
	namespace, lease := fmt.Sprintf("directory-%d", len(flags)), "cloudsso-operator"
	if len(flags) > 0 {
		lease, flags = lease+"-north", append(flags, "--namespaces="+namespace)
	}
	token := c.createDirectory(t, namespace)
	now := metav1.NowMicro()
	c.create(&coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: controlplane.SystemNamespace, Name: lease},
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: ptr.To("another"), LeaseDurationSeconds: ptr.To[int32](3600), AcquireTime: &now, RenewTime: &now},
	})
	url := "http://" + freeAddress(t)
	probes := freeAddress(t)
	p := newProcess(t, c.operatorKubeconfig, append(flags, "--scim-public-url="+url+"/scim/v2", "--scim-insecure-http",
		"--scim-bind-address="+strings.TrimPrefix(url, "http://"), "--metrics-bind-address=0", "--health-probe-bind-address="+probes, "--access")...)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = p.Process.Signal(syscall.SIGTERM)
		if err := p.Wait(); err != nil {
			t.Errorf("%v:\n%s", err, p.output.String())
		}
	}()
	await(t, time.Minute, func() bool {
		status, _ := request(t, http.MethodGet, "http://"+probes+"/readyz", "", "")
		return status == http.StatusOK
	})
	status, created := request(t, http.MethodPost, url+"/scim/v2/Users", token, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"alice","active":true}`)
	_, after, _ := strings.Cut(created, `"id":"`)
	id, _, _ := strings.Cut(after, `"`)
	if status != http.StatusCreated || id == "" {
		t.Fatalf("%d: %s", status, created)
	}
	b := binding(namespace, id, "alice", "alice@example.com")
	c.bind(b)
	status, body := request(t, http.MethodPatch, url+"/scim/v2/Users/"+id, token,
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":false}}]}`)
	if status/100 != 2 {
		t.Fatalf("%d: %s", status, body)
	}
	await(t, 20*time.Second, func() bool {
		if err := c.admin.Get(t.Context(), client.ObjectKeyFromObject(b), b); err != nil {
			t.Fatal(err)
		}
		return len(b.Subjects) == 1 && b.Subjects[0].Name == "alice@example.com"
	})
}

// createDirectory creates a directory as its controllers would leave it, and returns the token of its credential.
func (c *cluster) createDirectory(t *testing.T, namespace string) (token string) {
	t.Helper()
	token, err := auth.NewToken(rand.Reader, namespace)
	if err != nil {
		t.Fatal(err)
	}
	hash := auth.HashToken(token)
	credential := &v1alpha1.SCIMCredential{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "okta"},
		Spec: v1alpha1.SCIMCredentialSpec{
			TokenHash: "sha256:" + hex.EncodeToString(hash[:]), ExpiresAt: ptr.To(metav1.NewTime(time.Now().Add(time.Hour))),
		},
	}
	c.create(
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}},
		&v1alpha1.CloudSSODirectory{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.DirectoryName},
			Spec:       v1alpha1.CloudSSODirectorySpec{SCIMSynchronization: v1alpha1.SynchronizationEnabled},
		},
		credential,
	)
	credential.Status.SlotHeldSince = ptr.To(metav1.Now())
	if err := c.admin.Status().Update(t.Context(), credential); err != nil {
		t.Fatal(err)
	}
	if err := controlplane.Activate(t.Context(), c.admin, namespace); err != nil {
		t.Fatal(err)
	}
	return token
}

// request sends a request; status 0 if there is no answer.
func request(t *testing.T, method, url, token, body string) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/scim+json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(content)
}

// freeAddress returns an address on loopback that nothing listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// await fails the test if a condition does not hold within a time.
func await(t *testing.T, within time.Duration, isMet func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for !isMet() {
		select {
		case <-poll.C:
		case <-ctx.Done():
			t.Fatalf("not so within %s", within)
		}
	}
}
