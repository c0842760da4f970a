package server

import "net/http"

// Operation is what a request asks for. The set is closed. A route declares the operation of each of its methods.
type Operation string

// The operations, with their sections of RFC 7644.
const (
	OperationDiscovery Operation = "Discovery" // section 4
	OperationRead      Operation = "Read"      // section 3.4.1
	OperationQuery     Operation = "Query"     // sections 3.4.2 and 3.4.3
	OperationCreate    Operation = "Create"    // section 3.3
	OperationReplace   Operation = "Replace"   // section 3.5.1
	OperationModify    Operation = "Modify"    // section 3.5.2
	OperationDelete    Operation = "Delete"    // section 3.6
	OperationBulk      Operation = "Bulk"      // section 3.7
	OperationUnknown   Operation = "Unknown"   // a path or a method that is not served
)

// action is what a route does for one method.
type action struct {
	operation Operation
	do        endpoint
	open      bool // needs no credentials
}

// action returns what the route does for a method. A path or a method that is not served needs no credentials.
func (r *route) action(method string) action {
	if r.methods == nil {
		return action{OperationUnknown, refusePath, true}
	}
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if a, served := r.methods[method]; served {
		return a
	}
	return action{OperationUnknown, refuseMethod, true}
}
