// Package credential reconciles SCIMCredentials. Each gets one of its directory's slots, and a Secret of its name
// with its token.
//
//	reconciler.go  the steps in their order
//	slot.go        assigns one of the directory's two slots
//	secret.go      finds, mints and completes the Secret
//	conflicts.go   finds other credentials with the same token
//	finalize.go    deletes the minted Secret of a deleted credential
//	status.go      the status and its conditions
//	events.go      the Events of a change of status
//	watch.go       which changes need a reconcile
//	cache.go       what the cache keeps of Secrets
//
// # The Secret
//
// If a Secret of the credential's name and type cloudsso.dev/scim-credential already exists, the credential uses
// it: to use an external token, create the Secret first. Otherwise the controller mints a Secret with the label
// cloudsso.dev/credential. A Secret with that label is deleted together with its credential, a Secret without it
// never.
//
// After hand-out the token should be removed from the Secret: the hash in tokenHash still authenticates. To replace
// a token in place, delete the Secret: the old token is refused at once, and a new one is minted. To rotate without
// a gap, create a second credential, and delete the first when the provider uses the second.
package credential
