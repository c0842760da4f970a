// Package patch reads and applies PATCH requests (RFC 7644 section 3.5.2), in the dialects that identity
// providers speak.
//
//	parse.go    the message, and what each operation is aimed at
//	members.go  operations on a group's members, which become changes that need not read the group
//	apply.go    operations on attributes
package patch
