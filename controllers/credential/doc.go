// Package credential reconciles SCIMCredentials. Each gets one of its directory's slots, a time at which it expires, and
// a token if it was declared without one.
//
//	reconciler.go  the steps in their order
//	slot.go        assigns one of the directory's two slots
//	token.go       writes spec.expiresAt, and mints tokens
//	status.go      the status and its conditions
//	events.go      the Events of a change of status
//	watch.go       which changes need a reconcile
//
// # Tokens
//
// spec.tokenHash authenticates. The controller never reads a Secret, so the right to write Secrets gives no right to
// decide which token is accepted. It mints in this order:
//
//  1. status.secretName names the Secret that is about to be created.
//  2. The Secret is created, with the token.
//  3. spec.tokenHash is set, if the credential is still the version for which the token was minted.
//
// After a crash between 2 and 3 the token of the Secret authenticates nothing, and another one is minted. The credential
// owns both Secrets, so the garbage collector deletes them after it.
package credential
