package main

import (
	"testing"

	. "github.com/onsi/gomega"
)

func TestProcessTicksAddsUserAndSystemTime(t *testing.T) {
	g := NewWithT(t)
	ticks, err := processTicks("4242 (a (strange) name) S 1 4242 4242 0 -1 4194560 100 0 0 0 1200 34 0 0 20 0 9 0 1000")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(ticks).To(BeEquivalentTo(1234))
	_, err = processTicks("4242 (short) S 1")
	g.Expect(err).To(HaveOccurred())
}
