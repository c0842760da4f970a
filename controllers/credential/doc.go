// Package credential reconciles SCIMCredentials: each gets one of its directory's slots, and a Secret
// of its name that holds its token.
//
//	reconciler.go  the steps in their order
//	slot.go        one of the directory's two slots
//	secret.go      find, mint, complete
//	rivals.go      other credentials with the same token
//	finalize.go    a deleted credential takes its minted Secret along
//	status.go      what was found, as conditions
//	events.go      what a person must know
//	watch.go       what makes a credential worth another look
//	cache.go       what of Secrets is kept in memory
//
// # The Secret
//
// A Secret of the credential's name and type cloudsso.dev/scim-credential that is there before the
// credential is used as it is: to bring a token along (sealed, external), create the Secret first.
// Otherwise one is minted, and carries the label cloudsso.dev/credential; with that label it is deleted
// along with its credential, without it, never.
//
// Its token may be removed after hand-out, and should be; tokenHash goes on authenticating. To replace a
// token in place, delete the Secret: the old token is refused at once, and a new one is minted. To
// rotate without a gap, create a second credential, and delete the first when the second is in use.
package credential
