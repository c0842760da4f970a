// Package dialects_test replays the requests of identity providers, from testdata, against both implementations of
// scim.Store: the one in memory, and the manager as a process with a real control plane. Both are reached over TLS.
// docs/dialects.md is generated from the same files.
package dialects_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestDialects(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Identity providers' dialects")
}
