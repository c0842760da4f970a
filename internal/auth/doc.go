// Package auth finds the credential of a request, and decides whether the request is accepted.
//
//	header.go         Authorization headers → token
//	token.go          the form of tokens, their hashes, and their redaction
//	keyring.go        namespace and token hash → credential, from the informers' events
//	failures.go       failed attempts by remote address
//	authenticator.go  these steps in their order, for one request
//
// The package does no I/O. It decides from the replica's memory, so a revocation takes effect on a replica as soon
// as that replica's informer delivers it.
package auth
