// Package directory is the scim.Store over custom resources: etcd is the truth, and an index fed by
// the informers answers what would otherwise be a scan.
//
//	index.go     what is where: by id, name, externalId, membership; and how far the informer has come
//	relist.go    tells the index where its view has a gap
//	lasting.go   a watch that outlives an API server
//	fence.go     makes a negative answer certain
//	names.go     whoever takes a name verifies it
//	doubt.go     who may be undone is shown to nobody
//	write.go     preconditioned writes, conflicts, outages
//	users.go     the life of a user          groups.go   the life of a group
//	convert*.go  custom resource ↔ SCIM attributes
package store
