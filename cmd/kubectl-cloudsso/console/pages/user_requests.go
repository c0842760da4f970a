package pages

import (
	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/log"
)

// userRequests is the part of a user's page with the requests that the provisioning log has about the user.
type userRequests struct {
	User string    // its metadata.name
	Rows []log.Row // the newest first
	// WhyNone says why there is no row.
	WhyNone string
	// Refused is why the person may not read the log, in the API server's words; "" if the person may.
	Refused string
	// Unread says what is missing.
	Unread []error
}

func (c *console) userRequests(r *request) (*view, error) {
	query := logQuery{User: r.PathValue("name"), Since: "all"}
	reader, err := c.logReader(r, query)
	if err != nil {
		return nil, err
	}
	found, err := reader.Lines(r.Context(), query.in(r.namespace()))
	requests := userRequests{User: query.User, Rows: newestFirst(found.Rows), WhyNone: found.WhyNone, Unread: found.Unread}
	switch {
	case log.IsUnreadable(err):
		requests.Refused = err.Error()
	case err != nil:
		return nil, err
	}
	return &view{template: "user", part: "requests", Data: requests}, nil
}
