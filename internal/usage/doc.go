// Package usage records on custom resources what only the SCIM side sees: when a credential and a
// directory were last used, and which writes were refused while synchronization was Disabled.
//
// It runs on every replica, next to the SCIM service. Requests only note in memory; a Recorder writes
// behind them, seldom, and what it writes is status.
package usage
