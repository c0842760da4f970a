// Package index finds the objects of one kind by id, name, externalId and member, in every namespace. It is fed by an
// informer, so it is as old as the watch: reads of what this replica has written wait for it by key.
//
//	index.go      objects and what they are found by
//	namespace.go  the objects of one namespace
//	ordered.go    their order in lists
//	multimap.go   several values under one key
//	wait.go       waits for writes
package index
