package dialects_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"

	. "github.com/onsi/gomega"

	"github.com/cloudsso/cloudsso-operator/test/dialects/conversation"
	"github.com/cloudsso/cloudsso-operator/test/provider"
)

// service is the SCIM service of one provider's directory.
type service struct {
	base, token string
	http        *http.Client
	headers     map[string]string
	runs        int
}

// nextRun returns a string that makes the names of one replay differ from those of the others on this directory.
func (s *service) nextRun() string {
	s.runs++
	return "r" + strconv.Itoa(s.runs)
}

func (s *service) send(ctx context.Context, step conversation.Step) *provider.Response {
	request, err := step.HTTP(ctx, s.base, s.token, s.headers)
	Expect(err).NotTo(HaveOccurred())
	response, err := s.http.Do(request)
	Expect(err).NotTo(HaveOccurred(), step.Request)
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	Expect(err).NotTo(HaveOccurred(), step.Request)
	answer := &provider.Response{Status: response.StatusCode, Header: response.Header, Raw: string(raw)}
	_ = json.Unmarshal(raw, &answer.Body) // if it is not a JSON object, Body is nil, and expectWellFormed fails
	return answer
}

// expectWellFormed checks the rules for every response. Okta shows a body that is not JSON as a parse error, and treats a
// 201 without a body as a failure. It shows the detail of an error to its administrators.
func expectWellFormed(answer *provider.Response, exchange string) {
	if answer.Status == http.StatusNoContent {
		Expect(answer.Raw).To(BeEmpty(), exchange)
		return
	}
	Expect(answer.Header.Get("Content-Type")).To(BeElementOf("application/scim+json", "application/json"), exchange)
	Expect(answer.Body).To(HaveKeyWithValue("schemas", Not(BeEmpty())), exchange)
	Expect(answer.Body).NotTo(HaveKey("password"), exchange)
	if answer.Status == http.StatusCreated {
		Expect(answer.Header.Get("Location")).To(HaveSuffix("/"+answer.ID()), exchange)
	}
	if answer.Status >= http.StatusBadRequest {
		Expect(conversation.Differences(map[string]any{
			"schemas": []any{"urn:ietf:params:scim:api:messages:2.0:Error"},
			"status":  fmt.Sprint(answer.Status),
		}, answer.Body)).To(BeEmpty(), exchange)
		Expect(answer.Body).To(HaveKeyWithValue("detail", Not(BeEmpty())), exchange)
	}
}
