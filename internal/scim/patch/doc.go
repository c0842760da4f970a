// Package patch reads and applies PATCH requests (RFC 7644 section 3.5.2), in the dialects of identity
// providers.
//
//	parse.go    reads the message and the path and value of each operation
//	members.go  operations on a group's members: changes that do not need the group's present members
//	apply.go    operations on other attributes
package patch
