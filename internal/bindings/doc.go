// Package bindings keeps an index of the RoleBindings and ClusterRoleBindings that the operator has projected, writes them,
// and takes out of them who has lost access. Every replica runs it if the manager has --access.
//
//	bindings.go   the Bindings of a replica, and what feeds them
//	directory.go  the Kubernetes user names of each directory's users
//	index.go      lookup of bindings by assignment, principal and Kubernetes user name
//	object.go     RoleBindings and ClusterRoleBindings as one type
//	write.go      one write of one binding
//	memory.go     the revocations that are remembered
//	queue.go      the bindings that are to be reconciled
//	revoker.go    revoking: which subjects a binding loses, and its write
//	await.go      waiting until a user or group has no subject any more
//	remove.go     removing every projected binding
//	rights.go     what the operator may do
//	metrics.go    how long revocations take
//
// Revoking needs no assignment: a subject goes if the index shows that its user is not effective, or is not the principal
// or a member of it (docs/adr/0021-revocation.md).
package bindings
