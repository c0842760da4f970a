package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
)

// environmentFile is the name of the file that holds the values on the screen as shell variables.
const environmentFile = "dev.env"

// show prints the settings for the identity provider and commands to try, and writes the settings for scripts.
func show(e *quickstart.Environment, dir string) error {
	kubectl, err := controlplane.Kubectl()
	if err != nil {
		return err
	}
	path := filepath.Join(dir, environmentFile)
	if err := os.WriteFile(path, []byte(variables(e)), 0o600); err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	fmt.Print(screen(e, kubectl, program, path))
	return nil
}

func variables(e *quickstart.Environment) string {
	var b strings.Builder
	for _, v := range e.Variables() {
		fmt.Fprintf(&b, "export %s='%s'\n", v[0], strings.ReplaceAll(v[1], "'", `'\''`))
	}
	return b.String()
}

func screen(e *quickstart.Environment, kubectl, program, path string) string {
	ca, trust := "none: plain HTTP", ""
	if e.CAFile != "" {
		ca, trust = e.CAFile, ` --cacert "$SCIM_CA_FILE"`
	}
	token := e.Token
	if token == "" {
		token = "removed from its Secret, as it should be after hand-out"
	}
	return fmt.Sprintf(`
The operator is running. Give this to the identity provider:

  SCIM base URL   %s
  Bearer token    %s
  CA file         %s

In another terminal:

  source '%s'
  curl%s -H "Authorization: Bearer $SCIM_TOKEN" -H "Content-Type: application/scim+json" \
       -d '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"alice@example.com"}' "$SCIM_BASE_URL/Users"
  '%s' -n "$CLOUDSSO_NAMESPACE" get cloudssousers,cloudssogroups,scimcredentials,cloudssodirectories

As alice, with an ID token like that of her OIDC login (403 until an assignment gives her a role):

  '%s' --kubeconfig "$OIDC_KUBECONFIG" --token "$('%s' token alice@example.com)" -n %s get pods

Next:

  make demo         shows an identity provider's day, with kubectl's tables between the steps
  go run ./cmd/kubectl-cloudsso console -n "$CLOUDSSO_NAMESPACE"
                    opens the console of the directory in your browser (docs/console.md)
  docs/okta.md      connects Okta
  docs/access.md    gives groups access
  docs/switch.md    says who may change and delete what
  docs/install.md   installs the operator in a cluster

Logs: %s. KEEP=1 make run goes on with these data, on the same port. Ctrl-C stops everything.
`, e.BaseURL, token, ca, path, trust, kubectl, kubectl, program, quickstart.TargetNamespace, e.LogFile())
}
