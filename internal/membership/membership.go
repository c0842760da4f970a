// Package membership plans who belongs to a group. Everything in it is pure: the store and the controllers read and
// write.
//
// A list of members is a CloudSSOGroup, or one of the CloudSSOMembershipSlices that hold what the group has no room
// for.
//
//	list.go    what a list holds
//	delta.go   what the changes of one request make of the members
//	group.go   the group's own list after that
//	slices.go  its slices after that
package membership
