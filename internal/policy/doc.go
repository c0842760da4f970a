// Package policy decides, without I/O, what the custom resources mean: who is live and has access, which deletion is held, which
// credential may be used, which deactivations a budget permits.
//
//	life.go        live, being deleted, held
//	state.go       a user's state, and why it has no effect
//	switch.go      the position of a directory's switch
//	resync.go      writes that were refused, and whether they were made up for
//	credential.go  whether a credential may be used
//	budget.go      the disablement budget
//	fieldmanager.go  the name under which the operator writes
//	lastchange.go, modified.go   what a change leaves in an object's annotations
package policy
