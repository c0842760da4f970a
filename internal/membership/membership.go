// Package membership plans and writes who belongs to a group, for the SCIM side and for the controllers.
//
// A list of members is a CloudSSOGroup, or one of the CloudSSOMembershipSlices that hold what the group has
// no room for.
//
//	list.go    what a list holds: pure
//	remove.go  takes members out, on any number of replicas at once
package membership
