package dialects_test

import (
	"context"
	"fmt"
	"maps"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/cloudsso/cloudsso-operator/test/dialects/conversation"
)

// replayAll adds a spec for each row. newService returns a service with an empty directory for a conversation. It is
// called in an ordered container.
func replayAll(newService func(context.Context, *conversation.Conversation) *service) {
	all, err := conversation.Load("testdata")
	if err != nil {
		panic(err) // no spec can fail yet, because the tree of specs is being built
	}
	for _, c := range all {
		Describe(c.Provider, func() {
			var s *service
			var before conversation.Names
			BeforeAll(func(ctx SpecContext) {
				s = newService(ctx, c)
				before = conversation.Names{"base": s.base}
				s.replay(ctx, c.Before, before)
			})
			for _, row := range c.Rows {
				It(row.Sends, func(ctx SpecContext) { s.replay(ctx, row.Steps, maps.Clone(before)) })
			}
		})
	}
}

// replay takes the steps one after the other, and adds the values that they keep to the names.
func (s *service) replay(ctx context.Context, steps []conversation.Step, names conversation.Names) {
	names["run"] = s.nextRun()
	for _, recorded := range steps {
		step, err := names.In(recorded)
		Expect(err).NotTo(HaveOccurred(), recorded.Request)
		requestLine, _, _ := strings.Cut(step.Request, "\n")
		By(requestLine)
		answer := s.send(ctx, step)
		exchange := fmt.Sprintf("%s\n\nwas answered\n\n%d %s", strings.TrimSpace(step.Request), answer.Status, answer.Raw)
		Expect(answer.Status).To(Equal(step.Status), exchange)
		expectWellFormed(answer, exchange)
		for name, value := range step.Headers {
			Expect(answer.Header.Get(name)).To(Equal(value), "%s\n\nin header %s", exchange, name)
		}
		if step.Body != nil {
			Expect(conversation.Differences(step.Body, answer.Body)).To(BeEmpty(), exchange)
		}
		Expect(names.Keep(step, answer.Body)).To(Succeed(), exchange)
	}
}
