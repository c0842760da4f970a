package pages

import "github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/log"

// userLogRows is how many requests the page of a user shows. The page of the log has more.
const userLogRows = 20

// userRequests is the part of a user's page with the last requests about the user, and about groups that it was added to or removed
// from.
type userRequests struct {
	User string    // its metadata.name
	Rows []log.Row // the newest first
	// WhyNone says why there is no row; "" if the log is unreadable.
	WhyNone string
	// Unreadable is why the person cannot read the log; "" if the person can.
	Unreadable string
	Unread     []error
}

// userRequests reads the log of all replicas as far as the nodes have it, so the page asks for it when the person gets there.
func (c *console) userRequests(r *request) (*view, error) {
	query := logQuery{User: r.PathValue("name"), Since: "all"}
	reader, err := c.logReader(r, query)
	if err != nil {
		return nil, err
	}
	wanted := query.in(r.namespace())
	wanted.Limit = userLogRows
	requests := userRequests{User: query.User}
	found, err := reader.Lines(r.Context(), wanted)
	if err != nil { // the part is shown within the page
		requests.Unreadable = err.Error()
	} else {
		requests.Rows, requests.WhyNone, requests.Unread = newestFirst(found.Rows), found.WhyNone, found.Unread
	}
	return &view{template: "user", part: "requests", Data: requests}, nil
}
