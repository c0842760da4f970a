// Command bench measures the figures that docs/scale.md states, each as a ratio to a baseline that is measured in the
// same round, and prints a table. `make bench` runs it.
//
// It starts two control planes on this machine, each with the operator as a process of its own. The directory of one has
// 1,000 users, that of the other as many as -users says. Everything ends with the command.
//
//	main.go          flags, and which measurement runs when
//	measurements.go  the list of measurements
//	figure.go        rows of the table, rounds, medians
//	table.go         the table on the screen; report.go: latest.json
//	stack.go         one control plane with its operator and its clients
//	turns.go         sides that are measured in turns
//	seed.go          many users, copied in etcd from one that the service would write
//	idle.go          waiting until the controllers have nothing left to do
//	bare.go          the baseline of reads: an HTTP server that answers with the same bytes
//	raw.go           the baseline of writes: the same objects, written straight to the API server
//	informer.go      the baseline of the start: an informer and nothing else
//	profile.go       -profile
//	template.go      the object that the service makes of a user, for writes straight to the API server
//	cpu.go           the processor time of a process
//
// The measurements:
//
//	gets.go, queries.go, slices.go   reads
//	creates.go, patches.go, groups.go, manygroups.go, apiwrites.go   writes
//	deactivations.go, revocations.go, grants.go   what a leaver waits for, and access
//	restarts.go, replicas.go, directories.go, scanners.go, flood.go   a start, several replicas or directories, costly clients, a busy API server
//	memory.go, etcd.go   memory, and the bytes that etcd stores
package main
