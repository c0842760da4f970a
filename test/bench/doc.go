// Command bench measures what the operator promises to be fast at, each figure as a ratio against a
// baseline that is measured beside it, and prints a table. It is what `make bench` runs.
//
// It starts two control planes, each with the operator as a process of its own: in one the directory has
// 1,000 users, in the other as many as -users says. All of it runs on this machine, and ends with it.
//
//	main.go        flags, and what is run in what order
//	figure.go      rows of the table, rounds, medians
//	table.go       the table on the screen; report.go: bench/latest.json
//	build.go       the manager that is measured: without the rate limit; profile.go: -profile
//	stack.go       one control plane with its operator, and who sends to it
//	rounds.go      sides that are measured beside each other
//	seed.go        many users, as the service would have written them
//	settle.go      waiting until the controllers have nothing left to do
//	bare.go        the baseline of reads: an HTTP server that answers with the same bytes
//	raw.go         the baseline of writes: the same object, written straight to the API server
//	informer.go    the baseline of the start: an informer and nothing else
//
// and a file for each measurement.
package main
