//go:build console

package console_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/chromedp/chromedp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/test/controlplane"
	"github.com/cloudsso/cloudsso-operator/test/kubelet"
)

// serveOperatorLog makes the operator of this suite, which runs beside the cluster, a Pod of it until the end of the spec: the API
// server asks a node for its log, and the node has the file that the operator writes.
func serveOperatorLog(ctx context.Context) {
	GinkgoHelper()
	node, stop, err := kubelet.Start(ctx, environment.Admin, http.HandlerFunc(serveLog))
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx context.Context) { Expect(stop(ctx)).To(Succeed()) })
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: controlplane.SystemNamespace, GenerateName: "operator-", Labels: map[string]string{"app.kubernetes.io/name": "cloudsso-operator"},
		},
		Spec: corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "manager", Image: "manager"}}},
	}
	Expect(environment.Admin.Create(ctx, pod)).To(Succeed())
	DeferCleanup(func(ctx context.Context) {
		Expect(environment.Admin.Delete(ctx, pod, client.GracePeriodSeconds(0))).To(Succeed())
	})
	pod.Status = corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{
		Name: "manager", ContainerID: "containerd://manager", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
	}}}
	Expect(environment.Admin.Status().Update(ctx, pod)).To(Succeed())
}

// lineTime matches the time of a line of the operator's log.
var lineTime = regexp.MustCompile(`"ts":"([^"]+)"`)

// serveLog answers GET /containerLogs/NAMESPACE/POD/CONTAINER as a kubelet does, with a time before each line.
func serveLog(w http.ResponseWriter, r *http.Request) {
	const pause = 20 * time.Millisecond
	since, _ := time.Parse(time.RFC3339, r.URL.Query().Get("sinceTime")) // all lines without it
	file, err := os.Open(environment.LogFile())
	if err != nil || r.URL.Query().Get("timestamps") != "true" {
		http.Error(w, fmt.Sprint("no such log: ", err), http.StatusNotFound)
		return
	}
	defer file.Close()
	line := ""
	for lines := bufio.NewReader(file); ; {
		part, err := lines.ReadString('\n')
		if line += part; err == nil {
			if at := timeOf(line); !at.Before(since) {
				fmt.Fprintf(w, "%s %s", at.Format(time.RFC3339Nano), line)
			}
			line = ""
			continue
		}
		_ = http.NewResponseController(w).Flush() // the reader may be gone
		if !errors.Is(err, io.EOF) || r.URL.Query().Get("follow") != "true" {
			return
		}
		select {
		case <-time.After(pause):
		case <-r.Context().Done():
			return
		}
	}
}

func timeOf(line string) time.Time {
	if match := lineTime.FindStringSubmatch(line); match != nil {
		if at, err := time.Parse(time.RFC3339Nano, match[1]); err == nil {
			return at
		}
	}
	return time.Unix(0, 0).UTC()
}

var _ = Describe("the log in a browser", func() {
	It("shows the lines of the operator while the page is open, rests when it is paused, and makes up for a lost connection", func(ctx SpecContext) {
		serveOperatorLog(ctx)
		proxy, again := throughProxyAs(environment.Kubeconfig)
		t := browse(ctx, remote)
		t.goTo(directory("log?since=minutes&outcome=Resource+Created"))
		status := func() string { return evaluate[string](t, `document.querySelector("[data-status]").textContent`) }
		rows := func() string { return evaluate[string](t, `document.querySelector("tbody").innerText`) }
		arrive := func(userName string) {
			GinkgoHelper()
			create(ctx, "/Users", map[string]any{"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:User"}, "userName": userName})
		}
		Eventually(status).Should(ContainSubstring("New lines appear"))
		arrive("live-1@example.com")
		Eventually(rows).Should(ContainSubstring("live-1@example.com"))
		Expect(evaluate[bool](t, `document.querySelector("tbody").rows[0].classList.contains("new")`)).To(BeTrue(), "the newest first")

		t.do(chromedp.Click(chromedp.CSS("[data-pause]")))
		arrive("live-2@example.com")
		v := signIn(ctx, remote) // whose page is not paused
		Eventually(func() string { return v.get(ctx, directory("log?outcome=Resource+Created")).text() }).Should(ContainSubstring("live-2@example.com"))
		Expect(rows()).NotTo(ContainSubstring("live-2@example.com"))
		t.do(chromedp.Click(chromedp.CSS("[data-pause]")))
		Eventually(rows).Should(ContainSubstring("live-2@example.com"))

		Expect(proxy.Close()).To(Succeed())
		arrive("live-3@example.com")
		again()
		Eventually(rows).WithTimeout(2 * patience).Should(ContainSubstring("live-3@example.com"))
		for _, userName := range []string{"live-1", "live-2", "live-3"} {
			Expect(strings.Count(rows(), userName)).To(Equal(1), userName)
		}
	})
})
