package usage_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/auth"
	"github.com/cloudsso/cloudsso-operator/internal/usage"
)

// patience is how long a Recorder may take to write, which it does every second, on a busy machine.
const patience = 20 * time.Second

// start runs a Recorder as a manager does, until the spec ends or stop is called.
func start(r *usage.Recorder) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer GinkgoRecover()
		defer close(done)
		Expect(r.Start(ctx)).To(Succeed())
	}()
	stop = func() { cancel(); <-done }
	DeferCleanup(stop)
	return stop
}

var _ = Describe("Use of a credential", func() {
	It("is written to the status of the credential and of its directory", func(ctx SpecContext) {
		r := newReplica()
		start(r)
		r.Used(okta)
		Eventually(lastUsed, patience).WithContext(ctx).Should(HaveField("Time", BeTemporally("==", clock.Now())))
		Eventually(func() *metav1.Time { return directory(ctx).LastRequestTime }, patience).
			Should(HaveField("Time", BeTemporally("==", clock.Now())))
	})

	It("is written once a minute, however many requests there are", func(ctx SpecContext) {
		r := newReplica()
		start(r)
		before := patches()
		first := clock.Now()
		r.Used(okta)
		Eventually(func() *metav1.Time { return directory(ctx).LastRequestTime }, patience).ShouldNot(BeNil())
		Eventually(lastUsed, patience).WithContext(ctx).ShouldNot(BeNil())
		for range 100 {
			clock.Advance(usage.Resolution/100 - time.Millisecond)
			r.Used(okta)
		}
		Consistently(lastUsed, 3*time.Second, 100*time.Millisecond).WithContext(ctx).Should(HaveField("Time", BeTemporally("==", first)))
		Expect(patches()-before).To(Equal(2), "one for the credential, one for the directory")

		second := clock.Advance(time.Second)
		r.Used(okta)
		Eventually(lastUsed, patience).WithContext(ctx).Should(HaveField("Time", BeTemporally("~", second, 2*time.Second)))
	})

	It("is not written again by a replica that sees the same minute", func(ctx SpecContext) {
		one, two := newReplica(), newReplica()
		one.Used(okta)
		Expect(one.Flush(ctx)).To(Succeed())
		before := patches()
		start(two)
		clock.Advance(30 * time.Second)
		two.Used(okta)
		Consistently(patches, 2*time.Second, 100*time.Millisecond).Should(Equal(before))
		used := clock.Now()
		clock.Advance(usage.Resolution - 30*time.Second)
		Eventually(lastUsed, patience).WithContext(ctx).Should(HaveField("Time", BeTemporally("==", used)))
	})

	It("is written within a minute, if no other follows", func(ctx SpecContext) {
		r := newReplica()
		start(r)
		r.Used(okta)
		Eventually(patches, patience).Should(Equal(2), "one for the credential, one for the directory")
		used := clock.Advance(20 * time.Second)
		r.Used(okta)
		clock.Advance(usage.Resolution - 20*time.Second)
		Eventually(lastUsed, patience).WithContext(ctx).Should(HaveField("Time", BeTemporally("==", used)))
		Eventually(func() *metav1.Time { return directory(ctx).LastRequestTime }, patience).Should(HaveField("Time", BeTemporally("==", used)))
	})

	It("never goes back in time", func(ctx SpecContext) {
		behind := newReplica()
		behind.Used(okta)
		clock.Advance(10 * time.Minute)
		ahead := newReplica()
		ahead.Used(okta)
		Expect(ahead.Flush(ctx)).To(Succeed())
		Expect(behind.Flush(ctx)).To(Succeed())
		Expect(lastUsed(ctx).Time).To(BeTemporally("==", clock.Now()))
	})

	It("is written at shutdown, due or not", func(ctx SpecContext) {
		r := newReplica()
		stop := start(r)
		r.Used(okta)
		Eventually(lastUsed, patience).WithContext(ctx).ShouldNot(BeNil())
		last := clock.Advance(5 * time.Second)
		r.Used(okta)
		r.Refused(okta, "POST", "Users")
		stop()
		Expect(lastUsed(ctx).Time).To(BeTemporally("==", last))
		Expect(directory(ctx).RefusedWrites.Count).To(BeEquivalentTo(1))
	})

	It("of a deleted credential is dropped", func(ctx SpecContext) {
		r := newReplica()
		r.Used(auth.Principal{Namespace: okta.Namespace, Credential: "gone"})
		r.Used(auth.Principal{Namespace: "gone", Credential: "gone"})
		r.Refused(auth.Principal{Namespace: "gone", Credential: "gone"}, "POST", "Users")
		Expect(r.Flush(ctx)).To(Succeed())
		before := patches()
		Expect(r.Flush(ctx)).To(Succeed())
		Expect(patches()).To(Equal(before))
	})

	It("leaves the rest of the status alone", func(ctx SpecContext) {
		c := &v1alpha1.SCIMCredential{ObjectMeta: object("okta")}
		merge := `{"status":{"secretName":"okta","slotHeldSince":"2027-01-01T00:00:00Z"}}`
		Expect(admin.Status().Patch(ctx, c, client.RawPatch(types.MergePatchType, []byte(merge)))).To(Succeed())
		r := newReplica()
		r.Used(okta)
		Expect(r.Flush(ctx)).To(Succeed())
		Expect(admin.Get(ctx, client.ObjectKeyFromObject(c), c)).To(Succeed())
		Expect(c.Status.SecretName).To(Equal("okta"))
		Expect(c.Status.SlotHeldSince).NotTo(BeNil())
		Expect(c.Status.LastUsedTime).NotTo(BeNil())
	})
})

var _ = Describe("Refused writes", func() {
	It("are counted, and the last ten named, the newest first", func(ctx SpecContext) {
		r := newReplica()
		start(r)
		for i := range 12 {
			clock.Advance(time.Second)
			r.Refused(okta, "PATCH", fmt.Sprintf("Users/user-%d", i))
		}
		Eventually(func() int64 {
			if w := directory(ctx).RefusedWrites; w != nil {
				return w.Count
			}
			return 0
		}, patience).Should(BeEquivalentTo(12))
		last := directory(ctx).RefusedWrites.Last
		Expect(last).To(HaveLen(usage.MaxRefusedWrites))
		for i, write := range last {
			Expect(write.Resource).To(Equal(fmt.Sprintf("Users/user-%d", 11-i)))
			Expect(write.Method).To(Equal("PATCH"))
			Expect(write.Credential).To(Equal("okta"))
			Expect(write.Time.Time).To(BeTemporally("==", clock.Now().Add(-time.Duration(i)*time.Second)))
		}
	})

	It("have no token that a client sent in a path or as a method", func(ctx SpecContext) {
		token, err := auth.NewToken(rand.Reader, okta.Namespace)
		Expect(err).NotTo(HaveOccurred())
		r := newReplica()
		r.Refused(okta, token, "Users/"+token)
		Expect(r.Flush(ctx)).To(Succeed())
		Expect(directory(ctx).RefusedWrites.Last).To(HaveExactElements(And(
			HaveField("Method", "cssoscim_[redact"), HaveField("Resource", "Users/cssoscim_[redacted]"))))
	})

	It("keep their order if they were refused in the same second", func(ctx SpecContext) {
		r := newReplica()
		r.Refused(okta, "POST", "Users")
		r.Refused(okta, "PUT", "Users/a")
		Expect(r.Flush(ctx)).To(Succeed())
		r.Refused(okta, "DELETE", "Groups/b")
		Expect(r.Flush(ctx)).To(Succeed())
		last := directory(ctx).RefusedWrites.Last
		Expect([]string{last[0].Method, last[1].Method, last[2].Method}).To(Equal([]string{"DELETE", "PUT", "POST"}))
	})

	It("cost at most one write a second", func(ctx SpecContext) {
		r := newReplica()
		for range 1000 {
			r.Refused(okta, "POST", "Users")
		}
		before := patches()
		Expect(r.Flush(ctx)).To(Succeed())
		Expect(patches() - before).To(Equal(1))
		Expect(directory(ctx).RefusedWrites.Count).To(BeEquivalentTo(1000))
	})

	It("are added up if several replicas write at once, and none is lost", func(ctx SpecContext) {
		const replicas, rounds = 5, 20
		var wg sync.WaitGroup
		for range replicas {
			wg.Go(func() {
				defer GinkgoRecover()
				r := newReplica()
				for range rounds {
					r.Refused(okta, "POST", "Users")
					_ = r.Flush(ctx) // refusals of a write that conflicts are kept
				}
				Eventually(r.Flush, patience, 10*time.Millisecond).WithContext(ctx).Should(Succeed())
			})
		}
		wg.Wait()
		Expect(directory(ctx).RefusedWrites.Count).To(BeEquivalentTo(replicas * rounds))
		Expect(directory(ctx).RefusedWrites.Last).To(HaveLen(usage.MaxRefusedWrites))
	})

	It("are kept while the API server is away", func(ctx SpecContext) {
		r := newReplica()
		r.Refused(okta, "POST", "Users")
		r.Used(okta)
		away, cancel := context.WithCancel(ctx)
		cancel()
		Expect(r.Flush(away)).NotTo(Succeed())
		r.Refused(okta, "PUT", "Users/a")
		Expect(r.Flush(ctx)).To(Succeed())
		Expect(directory(ctx).RefusedWrites.Count).To(BeEquivalentTo(2))
		Expect(directory(ctx).RefusedWrites.Last[0].Method).To(Equal("PUT"))
		Expect(lastUsed(ctx)).NotTo(BeNil())
	})

	It("are counted from zero after a full push, even if a replica writes before the controller", func(ctx SpecContext) {
		r := newReplica()
		r.Refused(okta, "POST", "Users")
		Expect(r.Flush(ctx)).To(Succeed())
		at := clock.Advance(time.Minute)
		merge := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.AnnotationResynced, at.Format(time.RFC3339))
		d := &v1alpha1.CloudSSODirectory{ObjectMeta: object(v1alpha1.DirectoryName)}
		Expect(admin.Patch(ctx, d, client.RawPatch(types.MergePatchType, []byte(merge)))).To(Succeed())
		clock.Advance(time.Minute)
		r.Refused(okta, "PUT", "Users/a")
		Expect(r.Flush(ctx)).To(Succeed())
		r.Refused(okta, "PUT", "Users/b")
		Expect(r.Flush(ctx)).To(Succeed())
		Expect(directory(ctx).RefusedWrites.Count).To(BeEquivalentTo(2))
		Expect(directory(ctx).RefusedWrites.Last).To(HaveLen(2))
	})

	It("are cut if a client sends a long method or path", func(ctx SpecContext) {
		r := newReplica()
		r.Refused(okta, strings.Repeat("X", 10_000), "Users/"+strings.Repeat("é", 100_000)+"\xff")
		Expect(r.Flush(ctx)).To(Succeed())
		Expect(len(directory(ctx).RefusedWrites.Last[0].Method)).To(BeNumerically("<=", 16))
		Expect(len(directory(ctx).RefusedWrites.Last[0].Resource)).To(BeNumerically("<=", 300))
	})
})
