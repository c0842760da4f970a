package plugin

import (
	"time"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// Connection is the state of an identity provider's connection.
type Connection string

// The states of a connection.
const (
	// ConnectionWorking: requests are accepted.
	ConnectionWorking Connection = "Working"
	// ConnectionOff: the directory is not served, so requests are refused, whatever their token.
	ConnectionOff Connection = "Off"
	// ConnectionRefused: no credential is usable, so requests are answered 401.
	ConnectionRefused Connection = "Refused"
	// ConnectionNeverUsed: no request was ever accepted.
	ConnectionNeverUsed Connection = "NeverUsed"
	// ConnectionSilent: no request was accepted for SilentAfter.
	ConnectionSilent Connection = "Silent"
)

// SilentAfter is how long a provider may send no request before it counts as silent: three days, so that a weekend does not. The
// alert CloudSSOProviderSilent waits as long.
const SilentAfter = 72 * time.Hour

// ConnectionOf returns the state of the connection of a directory, as its status has it.
func ConnectionOf(d *v1alpha1.CloudSSODirectory, now time.Time) Connection {
	last := d.Status.LastRequestTime
	switch {
	case policy.SwitchOf(d) != policy.SwitchEnabled:
		return ConnectionOff
	case d.Status.Credentials != nil && d.Status.Credentials.Usable == 0:
		return ConnectionRefused
	case last.IsZero():
		return ConnectionNeverUsed
	case now.Sub(last.Time) > SilentAfter:
		return ConnectionSilent
	}
	return ConnectionWorking
}
