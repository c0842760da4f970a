// Package usage records what only the SCIM service observes in the status of custom resources: when a credential
// and a directory were last used, and which writes were refused while synchronization was Disabled.
//
// It runs on every replica, beside the SCIM service. A request changes only the memory of a Recorder, which writes
// to the API server in the background, at most once a second.
package usage
