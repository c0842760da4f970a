//go:build console

package console_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"time"

	"github.com/chromedp/chromedp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// The namespace of many withheld deactivations has more than one form decides about. It has no directory, so the operator carries none
// out, and no budget has to be spent.
const (
	leavers     = "leavers"
	leaversSize = 600
)

func createLeavers(ctx context.Context) {
	GinkgoHelper()
	createMany(ctx, leavers, leaversSize, func(i int, u *v1alpha1.CloudSSOUser) {
		u.Name = fmt.Sprintf("leaver-%04d", i)
		u.Spec.UserName, u.Spec.Source = fmt.Sprintf("leaver%04d@example.com", i), v1alpha1.SourceSCIM
		u.Spec.Withheld = &v1alpha1.WithheldDeactivation{What: v1alpha1.DeactivationDisable, Since: metav1.Now()}
	})
	awaitRest(ctx)
}

// awaitRest waits until the operator writes the leavers no more: a decision leaves those that have changed since its page was loaded.
func awaitRest(ctx context.Context) {
	GinkgoHelper()
	before := map[string]string{}
	Eventually(func() bool {
		var all v1alpha1.CloudSSOUserList
		Expect(environment.Admin.List(ctx, &all, client.InNamespace(leavers))).To(Succeed())
		now := map[string]string{}
		for i := range all.Items {
			now[all.Items[i].Name] = all.Items[i].ResourceVersion
		}
		rests := maps.Equal(now, before)
		before = now
		return rests
	}).WithPolling(2 * time.Second).Should(BeTrue())
}

// decided returns how many of the leavers have each decision.
func decided(ctx context.Context) map[v1alpha1.Decision]int {
	GinkgoHelper()
	var all v1alpha1.CloudSSOUserList
	Expect(environment.Admin.List(ctx, &all, client.InNamespace(leavers))).To(Succeed())
	counts := map[v1alpha1.Decision]int{}
	for i := range all.Items {
		counts[all.Items[i].Spec.Withheld.Decision]++
	}
	return counts
}

// undecide withdraws all decisions.
func undecide(ctx context.Context) {
	GinkgoHelper()
	var all v1alpha1.CloudSSOUserList
	Expect(environment.Admin.List(ctx, &all, client.InNamespace(leavers))).To(Succeed())
	writers, writing := errgroup.WithContext(ctx)
	writers.SetLimit(16)
	for i := range all.Items {
		if u := &all.Items[i]; u.Spec.Withheld.Decision != "" {
			u.Spec.Withheld.Decision = ""
			writers.Go(func() error { return environment.Admin.Update(writing, u) })
		}
	}
	Expect(writers.Wait()).To(Succeed())
	awaitRest(ctx)
}

var _ = Describe("a decision about many withheld deactivations", Ordered, func() {
	const decide = "/directories/" + leavers + "/approvals/decide"

	BeforeAll(func(ctx SpecContext) {
		createLeavers(ctx)
		bind(ctx, admin, leavers, "admin")
	})

	BeforeEach(undecide)

	// asked returns the page that asks about all. The API server may learn of the right later.
	asked := func(ctx context.Context, v *visitor) (page *answer) {
		GinkgoHelper()
		Eventually(func() int {
			page = v.get(ctx, decide+"?decision=Apply")
			return len(page.forms(decide))
		}).Should(Equal(1))
		Expect(page.text()).To(ContainSubstring("Users: %d.", leaversSize))
		return page
	}

	It("is carried out in parts, shows how far it is, and goes on from there after a reload", func(ctx SpecContext) {
		v := signIn(ctx, admin)
		question := asked(ctx, v)
		page := question.submit(ctx, decide, nil)
		Expect(page.Request.Method).To(Equal(http.MethodGet), "a reload sends no form")
		Expect(page.text()).To(ContainSubstring("250 of 600 are decided. Users that were looked at: 250."))
		Expect(decided(ctx)).To(Equal(map[v1alpha1.Decision]int{"": 350, v1alpha1.DecisionApply: 250}))
		Expect(v.get(ctx, page.Request.URL.RequestURI()).text()).To(ContainSubstring("250 of 600 are decided."))
		Expect(decided(ctx)).To(HaveKeyWithValue(v1alpha1.DecisionApply, 250), "looking changes nothing")

		again := question.submit(ctx, decide, nil)
		Expect(again.StatusCode).To(Equal(http.StatusOK))
		Expect(again.text()).To(MatchRegexp(`\d+ of 600 are decided\.`))
		Expect(decided(ctx)[v1alpha1.DecisionApply]).To(BeNumerically("<=", 500), "the same form again decides about the next ones")
		for len(page.forms(decide)) > 0 {
			page = page.submit(ctx, decide, nil)
		}
		Expect(page.text()).To(ContainSubstring("Decided: the operator carries"))
		Expect(decided(ctx)).To(Equal(map[v1alpha1.Decision]int{v1alpha1.DecisionApply: leaversSize}))
		Expect(question.submit(ctx, decide, nil).StatusCode).To(Equal(http.StatusConflict))
	})

	It("goes on only from what this session has begun", func(ctx SpecContext) {
		v := signIn(ctx, admin)
		page := asked(ctx, v).submit(ctx, decide, nil)
		values := page.Request.URL.Query()
		for name, value := range map[string]string{"revision": "99999999999", "last": "zzz", "seal": "x", "decision": "Discard"} {
			changed := url.Values{}
			for other := range values {
				changed.Set(other, values.Get(other))
			}
			changed.Set(name, value)
			Expect(v.get(ctx, decide+"?"+changed.Encode()).text()).To(And(ContainSubstring("Users: 350."), Not(ContainSubstring("are decided"))), name)
		}
		other := signIn(ctx, admin)
		Expect(other.get(ctx, page.Request.URL.RequestURI()).text()).To(ContainSubstring("Users: 350."))
	})

	It("goes on by itself in a browser, to the end", func(ctx SpecContext) {
		t := browse(ctx, admin)
		t.goTo(decide + "?decision=Apply")
		t.do(chromedp.Click(chromedp.CSS("main form button")))
		Eventually(t.path).Should(Equal("/directories/" + leavers + "/approvals"))
		Expect(t.text(".done")).To(HavePrefix("Decided:"))
		Expect(evaluate[string](t, "location.search")).To(BeEmpty(), "the notice is said once")
		Expect(decided(ctx)).To(Equal(map[v1alpha1.Decision]int{v1alpha1.DecisionApply: leaversSize}))
		t.do(chromedp.Reload())
		Expect(evaluate[bool](t, `document.querySelector(".done") === null`)).To(BeTrue())
	})

	It("stops in a browser, and says what to do when the console has ended", func(ctx SpecContext) {
		t := browse(ctx, admin)
		t.goTo(decide + "?decision=Discard")
		t.do(chromedp.Click(chromedp.CSS("main form button")))
		Eventually(t.shows).WithArguments("#round").Should(ContainSubstring("of 600 are decided."))
		t.do(chromedp.Click(chromedp.CSS("#stop")))
		Eventually(t.path).Should(Equal("/directories/" + leavers + "/approvals"))

		t.goTo(decide + "?decision=Discard")
		t.close()
		t.do(chromedp.Click(chromedp.CSS("main form button")))
		Eventually(func() string { return evaluate[string](t, `document.querySelector("#round").innerText`) }).Should(ContainSubstring("The console does not answer."))
	})
})
