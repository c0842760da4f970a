package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// kubelet is a node that has the logs of its Pods: the API server asks it for them, as it asks a kubelet.
type kubelet struct {
	node    string
	mutex   sync.Mutex
	logs    map[string]*containerLog // by the path of the kubelet's API
	changed chan struct{}            // closed at the next change
}

// containerLog is what a container has written.
type containerLog struct {
	lines []stampedLine
	ended bool
}

type stampedLine struct {
	at   time.Time
	text string
}

// startKubelet starts a node for the time of a spec.
func startKubelet(ctx context.Context) *kubelet {
	GinkgoHelper()
	k := &kubelet{logs: map[string]*containerLog{}, changed: make(chan struct{})}
	server := httptest.NewTLSServer(k)
	DeferCleanup(server.Close)
	address, err := url.Parse(server.URL)
	Expect(err).NotTo(HaveOccurred())
	host, port, err := net.SplitHostPort(address.Host)
	Expect(err).NotTo(HaveOccurred())
	number, err := strconv.ParseInt(port, 10, 32)
	Expect(err).NotTo(HaveOccurred())
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{GenerateName: "node-"}}
	Expect(cluster.Create(ctx, node)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { Expect(cluster.Delete(ctx, node)).To(Succeed()) })
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: host}}
	node.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(number)
	Expect(cluster.Status().Update(ctx, node)).To(Succeed())
	k.node = node.Name
	return k
}

// run starts a Pod of the operator.
func (k *kubelet) run(ctx context.Context, namespace, name string) {
	GinkgoHelper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app.kubernetes.io/name": "cloudsso-operator"}},
		Spec:       corev1.PodSpec{NodeName: k.node, Containers: []corev1.Container{{Name: "proxy", Image: "proxy"}, {Name: "manager", Image: "manager"}}},
	}
	Expect(cluster.Create(ctx, pod)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) {
		Expect(client.IgnoreNotFound(cluster.Delete(ctx, pod, client.GracePeriodSeconds(0)))).To(Succeed())
	})
	k.begin(namespace, name)
	setRunning(ctx, pod, 0)
}

// setRunning lets the API server know that a container runs, after some restarts.
func setRunning(ctx context.Context, pod *corev1.Pod, restarts int32) {
	GinkgoHelper()
	manager := corev1.ContainerStatus{Name: "manager", RestartCount: restarts, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}
	if restarts > 0 {
		manager.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{}
	}
	pod.Status.Phase, pod.Status.ContainerStatuses = corev1.PodRunning, []corev1.ContainerStatus{manager}
	Expect(cluster.Status().Update(ctx, pod)).To(Succeed())
}

// restart ends the container of a Pod and starts it again: its log is then that of the new one.
func (k *kubelet) restart(ctx context.Context, namespace, name string) {
	GinkgoHelper()
	k.change(func() {
		log := k.logs[pathOf(namespace, name)]
		log.ended = true
		k.logs[pathOf(namespace, name)+"?previous"] = log
	})
	k.begin(namespace, name)
	pod := &corev1.Pod{}
	Expect(cluster.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, pod)).To(Succeed())
	setRunning(ctx, pod, 1)
}

func (k *kubelet) begin(namespace, name string) {
	k.change(func() { k.logs[pathOf(namespace, name)] = &containerLog{} })
}

// write adds a line to the log of a Pod.
func (k *kubelet) write(namespace, name string, at time.Time, text string) {
	k.change(func() {
		log := k.logs[pathOf(namespace, name)]
		log.lines = append(log.lines, stampedLine{at, strings.TrimSuffix(text, "\n")})
	})
}

func pathOf(namespace, name string) string {
	return fmt.Sprintf("/containerLogs/%s/%s/manager", namespace, name)
}

func (k *kubelet) change(change func()) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	change()
	close(k.changed)
	k.changed = make(chan struct{})
}

// ServeHTTP implements http.Handler: GET /containerLogs/NAMESPACE/POD/CONTAINER with the options of the API.
func (k *kubelet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, query := r.URL.Path, r.URL.Query()
	if query.Get("previous") == "true" {
		path += "?previous"
	}
	k.mutex.Lock()
	log := k.logs[path]
	k.mutex.Unlock()
	if log == nil || query.Get("timestamps") != "true" {
		http.NotFound(w, r)
		return
	}
	from := begin(query)
	for sent := 0; ; {
		k.mutex.Lock()
		lines, ended, changed := log.lines[sent:], log.ended, k.changed
		k.mutex.Unlock()
		for _, l := range lines {
			if !l.at.Before(from) {
				_, _ = fmt.Fprintf(w, "%s %s\n", l.at.Format(time.RFC3339Nano), l.text) // the reader may be gone
			}
		}
		sent += len(lines)
		_ = http.NewResponseController(w).Flush()
		if ended || query.Get("follow") != "true" {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

// begin returns the time from which on lines are asked for.
func begin(query url.Values) (from time.Time) {
	if seconds, err := strconv.Atoi(query.Get("sinceSeconds")); err == nil {
		from = time.Now().Add(-time.Duration(seconds) * time.Second)
	}
	if at, err := time.Parse(time.RFC3339, query.Get("sinceTime")); err == nil {
		from = at
	}
	return from
}
