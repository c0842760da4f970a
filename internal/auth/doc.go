// Package auth decides which credential a request comes with, and whether it may go on.
//
//	header.go         what an Authorization header presents
//	token.go          minting and hashing of tokens
//	secret.go         what a credential's Secret holds
//	keyring.go        token hash → credential, from the informers' events
//	failures.go       failed attempts per remote address
//	authenticator.go  all of it, for one request
//
// Nothing here does I/O: every decision is taken from what the replica holds in memory at that moment,
// so a revocation is in effect as soon as the replica's informer has heard of it, leader or not.
package auth
