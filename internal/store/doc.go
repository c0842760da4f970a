// Package store is the scim.Store over custom resources: etcd is the truth, and an index fed by informers answers what
// would otherwise be a scan. What the index does not have is read live, so that "there is none" is certain.
//
//	store.go           all namespaces, and the Store of one
//	users.go           the life of a user
//	groups.go          the life of a group
//	members.go         members of a group: which ids are users, and which of them SCIM shows
//	slices.go          members of a group that has outgrown one object
//	list.go            queries
//	names.go           names that several objects have
//	collection.go      reading and changing the objects of one kind
//	write.go           preconditions
//	retry.go           attempts that another writer overtakes
//	switch.go          whether a directory is served
//	adoption.go        Manual users that the identity provider takes over
//	budget.go          deactivations beyond the disablement budget
//	revoke.go          what takes access away
//	lastchange.go      which request has changed an object last
//	ownwrites.go       reading one's own writes
//	errors.go          answers of the API server as SCIM errors
//	representation.go  custom resource → SCIM resource
//	id.go              the id of a new object
//	keymutex.go        one request at a time for each group
package store
