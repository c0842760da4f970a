package pages

import (
	"strconv"

	"github.com/cloudsso/cloudsso-operator/cmd/kubectl-cloudsso/log"
)

// firstRefusal is the lowest status of a request that was not carried out.
const firstRefusal = 400

// adviceOf returns what to do about a request that was not carried out, by its reason, or else by its scimType or its status; "" if it
// needs nothing. docs/troubleshooting.md says more.
func adviceOf(row log.Row) string {
	status, _ := strconv.Atoi(row.Status) // 0 for a change and an Event
	if status < firstRefusal {
		return ""
	}
	for _, key := range []string{row.Reason, row.SCIMType, row.Status} {
		if advice := texts["advice."+key]; key != "" && advice != "" {
			return advice
		}
	}
	return text("advice.other")
}
