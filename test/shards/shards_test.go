package shards_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/hack/quickstart"
	"github.com/cloudsso/cloudsso-operator/test/controlplane"
	"github.com/cloudsso/cloudsso-operator/test/load"
)

var _ = Describe("two shards", Ordered, func() {
	It("serve their own directories alone: a credential of another is none", func(ctx SpecContext) {
		for m, own := range map[*quickstart.Manager][]string{north: {acme}, south[0]: {globex, initech}, south[1]: {globex, initech}} {
			for namespace := range tokens {
				want := http.StatusUnauthorized
				if slices.Contains(own, namespace) {
					want = http.StatusOK
				}
				Eventually(func() int { return status(at(m, namespace).Do(ctx, http.MethodGet, "/Users", "")) }).
					Should(Equal(want), "%s at %s", namespace, m.URL)
			}
		}
	})

	It("write to their own, as the policies let only them", func(ctx SpecContext) {
		for namespace, m := range map[string]*quickstart.Manager{acme: north, globex: south[0], initech: south[1]} {
			scim := at(m, namespace)
			answer, err := scim.Do(ctx, http.MethodPost, "/Users", load.User("alice"))
			Expect(err).NotTo(HaveOccurred())
			Eventually(stateOf(ctx, namespace, answer.ID())).Should(Equal(v1alpha1.UserActive))
			Expect(status(scim.Do(ctx, http.MethodPost, "/Users", load.User("alice")))).To(Equal(http.StatusConflict))
			group, err := scim.Do(ctx, http.MethodPost, "/Groups", load.Group("Staff"))
			Expect(err).NotTo(HaveOccurred())
			Expect(status(scim.Do(ctx, http.MethodPatch, "/Groups/"+group.ID(), load.AddMembers([]string{answer.ID()})))).To(Equal(http.StatusOK))
			Expect(status(scim.Do(ctx, http.MethodDelete, "/Groups/"+group.ID(), ""))).To(Equal(http.StatusNoContent))
			Expect(status(scim.Do(ctx, http.MethodDelete, "/Users/"+answer.ID(), ""))).To(Equal(http.StatusNoContent))
			Eventually(stateOf(ctx, namespace, answer.ID())).Should(Equal(v1alpha1.UserDeprovisioned))
		}
	})

	It("fence what they answer in each directory by itself, and elect a leader each", func(ctx SpecContext) {
		for namespace, m := range map[string]*quickstart.Manager{acme: north, globex: south[0], initech: south[1]} {
			scim := at(m, namespace)
			Expect(status(scim.Do(ctx, http.MethodGet, "/Users/nobody", ""))).To(Equal(http.StatusNotFound))
			answer, err := scim.Do(ctx, http.MethodGet, load.Find("userName", "nobody@example.com"), "")
			Expect(err).NotTo(HaveOccurred())
			Expect(string(answer.Body)).To(ContainSubstring(`"totalResults":0`))
			sentinel := &v1alpha1.CloudSSOUser{}
			Expect(environment.Admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: v1alpha1.SentinelName}, sentinel)).To(Succeed())
			Expect(sentinel.Status.State).To(BeEmpty(), "it is nobody")
		}
		for namespace, name := range map[string]string{controlplane.SystemNamespace: "cloudsso-operator-north", southNamespace: "cloudsso-operator-south"} {
			lease := &coordinationv1.Lease{}
			Expect(environment.Admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, lease)).To(Succeed())
			Expect(lease.Spec.HolderIdentity).To(HaveValue(Not(BeEmpty())))
		}
	})

	It("write nothing to each other's: only the own leader reconciles", func(ctx SpecContext) {
		ofSouth := func() float64 { return reconciled(ctx, south[0]) + reconciled(ctx, south[1]) }
		of := ofSouth()
		Eventually(func() bool { last := of; of = ofSouth(); return of == last }).WithPolling(time.Second).Should(BeTrue(), "what was done before is over")
		before := reconciled(ctx, north)
		scim := at(north, acme)
		for n := range 10 {
			answer, err := scim.Do(ctx, http.MethodPost, "/Users", load.User(fmt.Sprintf("x%d", n)))
			Expect(err).NotTo(HaveOccurred())
			Eventually(stateOf(ctx, acme, answer.ID())).Should(Equal(v1alpha1.UserActive))
		}
		Eventually(func() float64 { return reconciled(ctx, north) }).Should(BeNumerically(">=", before+10))
		Expect(ofSouth()).To(Equal(of))
	})

	It("give a name once, however many ask for it at both replicas", func(ctx SpecContext) {
		clients := []*load.Client{at(south[0], globex), at(south[1], globex)}
		for n := range 20 {
			var mu sync.Mutex
			answers := map[int]int{}
			var all sync.WaitGroup
			for i := range 4 {
				all.Go(func() {
					defer GinkgoRecover()
					got := status(clients[i%2].Do(ctx, http.MethodPost, "/Users", load.User(fmt.Sprintf("many%d", n))))
					mu.Lock()
					defer mu.Unlock()
					answers[got]++
				})
			}
			all.Wait()
			Expect(answers).To(Equal(map[int]int{http.StatusCreated: 1, http.StatusConflict: 3}))
		}
	})

	It("go on when the other is gone, and come back", func(ctx SpecContext) {
		for _, m := range south {
			m.Kill()
		}
		waiting := newManual(ctx, globex)
		answer, err := at(north, acme).Do(ctx, http.MethodPost, "/Users", load.User("meanwhile"))
		Expect(err).NotTo(HaveOccurred())
		Eventually(stateOf(ctx, acme, answer.ID())).Should(Equal(v1alpha1.UserActive))
		Expect(stateOf(ctx, globex, waiting)()).To(BeEmpty(), "nobody else has a right to it")

		for i := range south {
			south[i], err = environment.Restart(ctx, south[i])
			Expect(err).NotTo(HaveOccurred())
		}
		Eventually(stateOf(ctx, globex, waiting)).Should(Equal(v1alpha1.UserActive))
		north.Kill()
		waiting = newManual(ctx, initech)
		Eventually(stateOf(ctx, initech, waiting)).Should(Equal(v1alpha1.UserActive))
		Expect(status(at(south[0], initech).Do(ctx, http.MethodPost, "/Users", load.User("meanwhile")))).To(Equal(http.StatusCreated))
		north, err = environment.Restart(ctx, north)
		Expect(err).NotTo(HaveOccurred())
		Expect(status(at(north, acme).Do(ctx, http.MethodGet, "/Users/"+answer.ID(), ""))).To(Equal(http.StatusOK))
	})
})

// newManual makes a user by hand, for a controller to find.
func newManual(ctx context.Context, namespace string) (name string) {
	GinkgoHelper()
	u := &v1alpha1.CloudSSOUser{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "by-hand"},
		Spec:       v1alpha1.CloudSSOUserSpec{Source: v1alpha1.SourceManual, UserName: "by-hand@example.com"},
	}
	Expect(environment.Admin.Create(ctx, u)).To(Succeed())
	return u.Name
}

// stateOf reads what the controllers say of a user.
func stateOf(ctx context.Context, namespace, name string) func() v1alpha1.UserState {
	return func() v1alpha1.UserState {
		u := &v1alpha1.CloudSSOUser{}
		Expect(environment.Admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, u)).To(Succeed())
		return u.Status.State
	}
}

// reconciled is how many users a process has reconciled.
func reconciled(ctx context.Context, m *quickstart.Manager) (total float64) {
	GinkgoHelper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.MetricsURL, nil)
	Expect(err).NotTo(HaveOccurred())
	response, err := http.DefaultClient.Do(request)
	Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if line := lines.Text(); strings.HasPrefix(line, `controller_runtime_reconcile_total{controller="cloudssouser"`) {
			value, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
			Expect(err).NotTo(HaveOccurred())
			total += value
		}
	}
	return total
}
