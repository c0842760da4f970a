// Package auth finds the credential of a request, and decides whether the request is accepted.
//
//	header.go         Authorization header → token
//	token.go          minting and hashing of tokens
//	secret.go         a credential's Secret → token hash
//	keyring.go        token hash → credential, from the informers' events
//	failures.go       failed attempts by remote address
//	authenticator.go  these steps in their order, for one request
//
// The package does no I/O. It decides from the replica's memory, so a revocation takes effect on a replica as soon
// as that replica's informer delivers it.
package auth
