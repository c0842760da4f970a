package check

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
)

const (
	// testUserName is the userName of the user of --test-user. RFC 2606 reserves .invalid, so that no person has the address.
	testUserName = "cloudsso-check@check.invalid"
	// maxClockSkew is by how much clocks may differ: more and the ends of credentials and certificates are wrong.
	maxClockSkew = time.Minute
	// maxBody is more than an answer to a check has.
	maxBody = 1 << 20
	// maxDetail is how many characters of another server's error are shown: more than the operator's own errors have.
	maxDetail = 300
)

// answer is the answer to a request.
type answer struct {
	status int
	header http.Header
	body   map[string]any // nil if it is not a JSON object
	text   string
}

// detail returns what the service says of an error.
func (a *answer) detail() string {
	if detail, is := a.body["detail"].(string); is {
		if characters := []rune(detail); len(characters) > maxDetail {
			detail = string(characters[:maxDetail]) + "…"
		}
		return fmt.Sprintf("%d: %s", a.status, detail)
	}
	return fmt.Sprintf("%d without an error of SCIM: another server has answered", a.status)
}

// send sends a request as an identity provider does; path is below the endpoint, and body is JSON or "".
func (c *checker) send(ctx context.Context, method, path, token, body string) (*answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base.String()+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/scim+json")
	request.Header.Set("User-Agent", "kubectl-cloudsso check")
	if body != "" {
		request.Header.Set("Content-Type", "application/scim+json")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return nil, err
	}
	a := &answer{status: response.StatusCode, header: response.Header, text: string(text)}
	_ = json.Unmarshal(text, &a.body) // if it is not a JSON object, body is nil
	return a, nil
}

func (c *checker) checkService(ctx context.Context) (string, error) {
	const schema = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
	a, err := c.send(ctx, http.MethodGet, "/ServiceProviderConfig", "", "")
	if err != nil {
		return "", failure("Look at the log of the operator and of the ingress.", "no answer: %v", err)
	}
	if a.status != http.StatusOK || !strings.Contains(a.text, schema) {
		return "", failure("Does the ingress pass the whole path of the endpoint to the operator, unchanged and without a redirect or a login?",
			"%s/ServiceProviderConfig is not served by the operator: HTTP %d", c.base, a.status)
	}
	return "ServiceProviderConfig is served", nil
}

func (c *checker) checkClock(ctx context.Context) (string, error) {
	a, err := c.send(ctx, http.MethodGet, "/ServiceProviderConfig", "", "")
	if err != nil {
		return "", err
	}
	there, err := http.ParseTime(a.header.Get("Date"))
	if err != nil {
		return "", warning("", "the answer has no Date")
	}
	skew := c.now().Sub(there).Abs().Truncate(time.Second)
	if skew > maxClockSkew {
		return "", warning("Set the clocks by NTP. Credentials and certificates begin and end by them.", "the clock of the service differs from this machine's by %s", skew)
	}
	return fmt.Sprintf("differs by %s", skew), nil
}

// checkToken looks at a token without sending it.
func (c *checker) checkToken(context.Context) (string, error) {
	namespace := c.directory.Namespace
	create := "Create a credential, and enter its token: kubectl cloudsso credential create NAME -n " + namespace
	named, isToken := auth.ParseToken(c.token)
	if !isToken {
		return "", failure("Copy it again, as a whole and without quotes. A lost token cannot be read again: replace its credential.", "it is no token: it has another form, or its checksum is wrong")
	}
	if named != namespace {
		return "", failure("Use it with the directory of that namespace, or the token of this one.", "it is a token for namespace %q, not %q", named, namespace)
	}
	hash := auth.HashToken(c.token).String()
	for i := range c.credentials {
		if c.credentials[i].Spec.TokenHash == hash {
			return describeCredential(&c.credentials[i])
		}
	}
	return "", failure(create, "no credential of the directory has its hash: it was revoked, or never created")
}

func describeCredential(credential *v1alpha1.SCIMCredential) (string, error) {
	usable := meta.FindStatusCondition(credential.Status.Conditions, v1alpha1.ConditionUsable)
	if usable != nil && usable.Status == "True" {
		return "it is that of credential " + credential.Name, nil
	}
	message := "the operator has not looked at it yet"
	if usable != nil {
		message = usable.Message
	}
	return "", failure("kubectl describe scimcredential "+credential.Name+" -n "+credential.Namespace, "credential %s is not accepted: %s", credential.Name, message)
}

func (c *checker) checkRequest(ctx context.Context) (string, error) {
	a, err := c.send(ctx, http.MethodGet, "/Users?count=0", c.token, "")
	if err != nil {
		return "", err
	}
	if a.status == http.StatusUnauthorized {
		return "", failure("Does a proxy remove the header Authorization? Does spec.allowedNetworks of the credential have this machine's address?", "the service refuses the token: %s", a.detail())
	}
	if a.status != http.StatusOK {
		return "", failure("", "%s", a.detail())
	}
	total, _ := a.body["totalResults"].(float64)
	return fmt.Sprintf("the service lists %d users", int(total)), nil
}

// checkLifeCycle creates a user, finds it and deactivates it. A user who was left by an earlier check is created again, by
// its externalId, and is the same object.
func (c *checker) checkLifeCycle(ctx context.Context) (string, error) {
	const (
		create     = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"` + testUserName + `","externalId":"` + testUserName + `","displayName":"Test of kubectl cloudsso check","active":true}`
		deactivate = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":false}}]}`
	)
	created, err := c.send(ctx, http.MethodPost, "/Users", c.token, create)
	if err != nil {
		return "", err
	}
	// 409: a check before has not come to the deactivation.
	if created.status != http.StatusCreated && created.status != http.StatusConflict {
		return "", failure("", "the user was not created: %s", created.detail())
	}
	id, err := c.findTestUser(ctx)
	if err != nil {
		return "", err
	}
	changed, err := c.send(ctx, http.MethodPatch, "/Users/"+url.PathEscape(id), c.token, deactivate)
	if err != nil {
		return "", err
	}
	if active, _ := changed.body["active"].(bool); changed.status != http.StatusOK || active {
		return "", failure("Disable the user "+testUserName+" by hand.", "the user was not deactivated: %s", changed.detail())
	}
	return "created, found and deactivated " + testUserName, nil
}

func (c *checker) findTestUser(ctx context.Context) (id string, err error) {
	found, err := c.send(ctx, http.MethodGet, "/Users?filter="+url.QueryEscape(`userName eq "`+testUserName+`"`), c.token, "")
	if err != nil {
		return "", err
	}
	if resources, _ := found.body["Resources"].([]any); len(resources) == 1 {
		resource, _ := resources[0].(map[string]any)
		if id, _ = resource["id"].(string); id != "" {
			return id, nil
		}
	}
	if found.status != http.StatusOK {
		return "", failure("", "the user was not found: %s", found.detail())
	}
	return "", errors.New("the user was created and is not found")
}
