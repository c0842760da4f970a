// Package access decides who has access. Everything in it is pure: internal/bindings and the controller read and write.
//
//	username.go   a user's Kubernetes user name
//	usernames.go  which user a Kubernetes user name means
//	principal.go  which object an assignment means
//	binding.go    what a binding is called, and what it says
//	plan.go       which subjects the bindings of an assignment have
//	review.go     who has access, through what
//
// A subject is a Kubernetes user name. Whether it belongs into a binding is asked of the user that the name means.
package access
