// Package dialects_test replays what identity providers send, from testdata, against both implementations
// of scim.Store: the one in memory, and custom resources on a real control plane, served by the manager
// as a process of its own. Both are reached over TLS. docs/dialects.md is made of the same files.
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
