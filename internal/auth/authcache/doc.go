// Package authcache fills an auth.Keyring from the informers of SCIMCredentials and CloudSSODirectories. It runs on
// every replica, so an administrator's change takes effect on a replica as soon as that replica's watch delivers it.
package authcache
