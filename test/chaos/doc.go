// Package chaos plays many identity providers against several replicas of the operator while everything
// under them breaks, and checks what they were answered against what docs/consistency.md promises.
//
//	workload.go users.go groups.go   who asks what: random, from a seed
//	bulk.go crowds.go switch.go      several requests in one; groups of many objects; the switch turned off and on
//	client.go history.go             how it is asked, and what is noted of it
//	replicas.go proxy.go faults.go   the replicas, what stands between them and the API server, what breaks
//	resolve.go                       what became of requests whose answer was lost
//	model_user.go model_member.go    the promises as sequential specifications, for porcupine
//	reads.go                         the promises about positive reads, which may lag
//	invariants.go                    what must hold of the objects when all is quiet again
//	check.go report.go               histories to verdicts, verdicts to something to read
package chaos
