// Package keyring feeds an auth.Keyring from the informers of SCIMCredentials and their Secrets, on every
// replica: what an administrator changes is in effect when the watch has told of it, leader or not.
package authcache
