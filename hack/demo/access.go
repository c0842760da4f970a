package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
	"github.com/cloudsso/cloudsso-operator/test/oidcissuer"
)

const (
	// assignmentName is the name of the demo's access assignment.
	assignmentName = "demo-view"
	// tokenLife is how long Alice's token is valid: longer than the demo.
	tokenLife = time.Hour
	// accessTimeout is how long access may take to change before the demo fails. It takes some milliseconds.
	accessTimeout  = 10 * time.Second
	accessInterval = time.Millisecond
)

// access shows that one token is worth what the group of its user has at the time of a request.
func (d *day) access(ctx context.Context, userName, group string) error {
	title("Alice's group may view the namespace " + quickstart.TargetNamespace)
	if !d.apply(ctx, assignment(group)) {
		return errors.New("the assignment should have been accepted")
	}
	d.run(ctx, "wait", "cloudssoaccessassignment/"+assignmentName, "--for=condition=Effective", "--timeout=10s")
	d.run(ctx, "get", "cloudssoaccessassignments")
	alice, err := d.loggedIn(userName)
	if err != nil {
		return err
	}
	if err := d.awaitStatus(ctx, alice, http.StatusOK); err != nil {
		return err
	}
	title("The provider deactivates her: her token is still valid, and is refused")
	if err := d.setActive(ctx, false); err != nil {
		return err
	}
	if err := d.awaitStatus(ctx, alice, http.StatusForbidden); err != nil {
		return err
	}
	title("She is activated again: the same token is accepted")
	if err := d.setActive(ctx, true); err != nil {
		return err
	}
	if err := d.awaitStatus(ctx, alice, http.StatusOK); err != nil {
		return err
	}
	title("The assignment is deleted, and its bindings go first")
	if !d.run(ctx, "delete", "cloudssoaccessassignment", assignmentName) {
		return errors.New("the assignment should have been deleted")
	}
	return d.awaitStatus(ctx, alice, http.StatusForbidden)
}

// assignment returns the manifest of an assignment to the group of that displayName.
func assignment(group string) string {
	return fmt.Sprintf(`apiVersion: cloudsso.dev/v1alpha1
kind: CloudSSOAccessAssignment
metadata: {name: %s}
spec:
  principal: {kind: CloudSSOGroup, displayName: %q}
  roleRef: {kind: ClusterRole, name: view}
  target: {namespaces: [%s]}
`, assignmentName, group, quickstart.TargetNamespace)
}

// loggedIn returns the identity that the API server makes of a user's ID token.
func (d *day) loggedIn(userName string) (*rest.Config, error) {
	signer, err := oidcissuer.Open(d.issuerDir)
	if err != nil {
		return nil, err
	}
	identity, err := clientcmd.BuildConfigFromFlags("", d.userKubeconfig)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	identity.BearerToken, err = signer.IDToken(oidcissuer.Person{Subject: userName, UserName: userName}, now, now.Add(tokenLife))
	return identity, err
}

func (d *day) setActive(ctx context.Context, active bool) error {
	_, err := d.scim(ctx, http.StatusOK, "PATCH", "/Users/"+d.ids["alice"], patch(fmt.Sprintf(`{"op":"replace","value":{"active":%t}}`, active)))
	return err
}

// awaitStatus lists pods as a user until the answer has the status, and prints how long that has taken.
func (d *day) awaitStatus(ctx context.Context, user *rest.Config, expected int) error {
	const path = "/api/v1/namespaces/" + quickstart.TargetNamespace + "/pods"
	fmt.Printf("GET %s with Alice's token\n", path)
	began := time.Now()
	for ticker := time.NewTicker(accessInterval); ; {
		status, err := controlplane.Get(ctx, user, path)
		if err != nil {
			return err
		}
		took := time.Since(began).Round(time.Millisecond)
		if status == expected {
			fmt.Printf("  → %d after %d ms\n", status, took.Milliseconds())
			return nil
		}
		if took > accessTimeout {
			return fmt.Errorf("GET %s was answered with %d instead of %d for %s", path, status, expected, took)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// apply applies a manifest as an administrator, prints both, and reports whether it succeeded.
func (d *day) apply(ctx context.Context, manifest string) bool {
	fmt.Printf("$ kubectl -n %s apply -f - <<EOF\n%sEOF\n", d.namespace, manifest)
	command := exec.CommandContext(ctx, d.kubectl, "-n", d.namespace, "apply", "-f", "-")
	command.Env = append(os.Environ(), "KUBECONFIG="+d.kubeconfig)
	command.Stdin = strings.NewReader(manifest)
	command.Stdout, command.Stderr = os.Stdout, os.Stdout
	return command.Run() == nil
}
