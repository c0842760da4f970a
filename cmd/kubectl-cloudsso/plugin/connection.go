package plugin

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
)

// Connection is the state of an identity provider's connection.
type Connection string

// The states of a connection. status.lastRequestTime is the time of the last request whose token was valid.
const (
	// ConnectionWorking says that a request came less than SilentAfter ago.
	ConnectionWorking Connection = "Working"
	// ConnectionOff says that the directory is not served, so requests are refused, whatever their token.
	ConnectionOff Connection = "Off"
	// ConnectionRefused says that no credential is usable, so requests are answered 401.
	ConnectionRefused Connection = "Refused"
	// ConnectionNeverUsed says that no request has come yet.
	ConnectionNeverUsed Connection = "NeverUsed"
	// ConnectionSilent says that no request has come for SilentAfter.
	ConnectionSilent Connection = "Silent"
)

// SilentAfter is how long a provider may send no request before it counts as silent: three days, so that a weekend does not. The
// alert CloudSSOProviderSilent waits as long.
const SilentAfter = 72 * time.Hour

// ConnectionOf returns the state of the connection of a directory, as its status has it.
func ConnectionOf(d *v1alpha1.CloudSSODirectory, now time.Time) Connection {
	last := d.Status.LastRequestTime
	switch {
	case policy.SwitchOf(d) != policy.SwitchEnabled, meta.IsStatusConditionFalse(d.Status.Conditions, v1alpha1.ConditionNamespaceSelected):
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
