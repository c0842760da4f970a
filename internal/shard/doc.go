// Package shard lets one operator serve some namespaces and not others, at the cost of those alone. Each of them
// has caches, an index and a sentinel of its own: what internal/store knows from the order of revisions it
// knows of one informer, and there is one for each namespace (docs/adr/0010-shards.md).
//
//	shard.go        which namespaces, and what is made for each
//	cache.go        their caches as one
//	informer.go     their informers as one
//	client.go       their clients as one, each of which reads its own writes
//	directories.go  their directories
package shard
