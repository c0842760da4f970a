package plugin

import "github.com/cloudsso/cloudsso-operator/internal/access"

// GrantColumns are the headers of an access review as CSV.
var GrantColumns = []string{
	"userName", "kubernetesUsername", "role", "namespace", "group", "assignment", "binding", "expiresAt",
	"changedObject", "changedAt", "cause", "credential", "requestID", "user", "groupObject", "reason",
}

// GrantCells returns a Grant in the order of GrantColumns, without a cell that a spreadsheet takes for a formula.
func GrantCells(g access.Grant) []string {
	row := []string{
		g.UserName, g.KubernetesUsername, g.Role, Place(g.Namespace), g.GroupName, g.Assignment, g.Binding, g.ExpiresAt,
		g.ChangedObject, g.Time, g.Cause, g.Credential, g.RequestID, g.User, g.Group, g.Reason,
	}
	for i, cell := range row {
		row[i] = PlainCell(cell)
	}
	return row
}
