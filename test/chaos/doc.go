// Package chaos is a load test that injects faults. Many clients send SCIM requests to several replicas of the operator
// while processes, connections, the API server and etcd fail. Access assignments give a role to the groups and users of the
// requests. Then it checks the answers against docs/consistency.md, and the bindings against docs/access.md.
//
//	workload.go users.go groups.go     the requests: random, from a seed
//	bulk.go large_groups.go            bulk requests; groups of more members than one object takes
//	access.go namespaces.go            the assignments to those groups and users, and the namespaces in which they grant
//	switch.go suspension.go            edits by an administrator: the switch, users by hand, spec.suspended
//	client.go history.go               sends requests and records their answers
//	replicas.go proxy.go faults.go     replicas, proxies between them and the API server, faults
//	clock.go                           the clock by which access begins and ends, and its jumps
//	canary.go                          tells when a replica has caught up with the API server
//	sightings.go                       watches which subjects the bindings have
//	resolve.go                         finds out whether requests without an answer had their effect
//	model_user.go model_member.go      the promises as sequential specifications, for porcupine
//	reads.go                           the promises about answers that may be as old as a watch
//	objects.go settled.go              the objects at the end, and whether the controllers have finished
//	bindings.go                        the subjects that bindings must have at the end
//	revocations.go                     the promise that access ends soon after the answer
//	grants.go                          the promise that access is given to effective users alone
//	times.go                           the promise that access is there at its times alone
//	invariants.go claims.go            what must hold of the objects and of the claims of names at the end
//	check.go report.go                 checks all histories and reports violations
package chaos
