// Package access reconciles CloudSSOAccessAssignments: it projects effective users into RoleBindings and
// ClusterRoleBindings.
//
//	reconciler.go  the steps in their order, and the end of an assignment
//	directory.go   the end of a directory
//	assess.go      what an assignment grants now
//	principal.go   which group or user it grants to
//	targets.go     in which namespaces, and whether they have the role
//	rights.go      which roles the operator may bind
//	policies.go    whether people are kept from granting themselves roles through the operator
//	users.go       which users have access through the principal
//	project.go     one pass over the bindings: what has to be written
//	drift.go       what another hand has changed
//	write.go       the writes of a pass
//	verify.go      whether users were effective when they got access
//	sweep.go       what goes first on becoming leader, and what comes at a time
//	status.go      the status, computed
//	loads.go       how many subjects a target has
//	events.go      what a person must know
//	watch.go       which changes need a reconcile
//	selection.go   when other namespaces may be directories
//	memory.go      what is remembered of each assignment
//	unseen.go      what the index of the SCIM side does not show yet
//
// A reconcile looks at the users that have changed, or at all if the assignment itself, its targets or its role have. What
// takes access away does not wait for it: package bindings revokes, on every replica.
package access
