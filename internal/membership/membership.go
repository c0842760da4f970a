// Package membership plans and writes who belongs to a group, for the SCIM side and for the controllers.
//
//	plan.go    which members are left: pure
//	remove.go  takes members out, on any number of replicas at once
package membership
