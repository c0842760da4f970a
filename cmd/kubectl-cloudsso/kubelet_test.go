package main

import (
	"context"
	"fmt"
	"net/http"
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

	testkubelet "github.com/cloudsso/cloudsso-operator/test/kubelet"
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
	lines    []stampedLine
	ended    bool
	restarts int32  // of its Pod, before it
	broken   int    // how often the responses that were under way were broken off
	message  string // of the node, which it appends to each response and then ends that
	fails    bool   // with status 500
	cut      int    // how many bytes of the last line the next response lacks, because it breaks off; 0 for none
}

type stampedLine struct {
	at   time.Time
	text string
}

// startKubelet starts a node for the time of a spec.
func startKubelet(ctx context.Context) *kubelet {
	GinkgoHelper()
	k := &kubelet{logs: map[string]*containerLog{}, changed: make(chan struct{})}
	node, stop, err := testkubelet.Start(ctx, cluster, k)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx SpecContext) { Expect(stop(ctx)).To(Succeed()) })
	k.node = node
	return k
}

// run starts a Pod of the operator.
func (k *kubelet) run(ctx context.Context, namespace, name string, arguments ...string) {
	GinkgoHelper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app.kubernetes.io/name": "cloudsso-operator"}},
		Spec: corev1.PodSpec{
			NodeName: k.node, Containers: []corev1.Container{{Name: "proxy", Image: "proxy"}, {Name: "manager", Image: "manager", Args: arguments}},
		},
	}
	Expect(cluster.Create(ctx, pod)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) {
		Expect(client.IgnoreNotFound(cluster.Delete(ctx, pod, client.GracePeriodSeconds(0)))).To(Succeed())
	})
	k.change(func() { k.logs[pathOf(namespace, name)] = &containerLog{} })
	setRunning(ctx, pod, 0)
}

// setRunning lets the API server know that a container runs, after some restarts.
func setRunning(ctx context.Context, pod *corev1.Pod, restarts int32) {
	GinkgoHelper()
	idOf := func(number int32) string {
		return fmt.Sprintf("containerd://%s-%s-%d", pod.Namespace, pod.Name, number)
	}
	manager := corev1.ContainerStatus{
		Name: "manager", RestartCount: restarts, ContainerID: idOf(restarts), State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
	}
	if restarts > 0 {
		manager.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ContainerID: idOf(restarts - 1)}
	}
	pod.Status.Phase, pod.Status.ContainerStatuses = corev1.PodRunning, []corev1.ContainerStatus{manager}
	Expect(cluster.Status().Update(ctx, pod)).To(Succeed())
}

// restart ends the container of a Pod and starts it again: its log is then that of the new one. The responses that are under
// way break off before the last words of the container.
func (k *kubelet) restart(ctx context.Context, namespace, name string, lastWords ...stampedLine) {
	GinkgoHelper()
	k.mutex.Lock()
	restarts := k.logs[pathOf(namespace, name)].restarts + 1
	k.mutex.Unlock()
	pod := &corev1.Pod{}
	Expect(cluster.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, pod)).To(Succeed())
	setRunning(ctx, pod, restarts)
	k.change(func() {
		log := k.logs[pathOf(namespace, name)]
		log.lines, log.ended, log.broken = append(log.lines, lastWords...), true, log.broken+1
		k.logs[pathOf(namespace, name)+"?previous"] = log
		k.logs[pathOf(namespace, name)] = &containerLog{restarts: restarts}
	})
}

// remove deletes a Pod, and ends its log.
func (k *kubelet) remove(ctx context.Context, namespace, name string) {
	GinkgoHelper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	Expect(cluster.Delete(ctx, pod, client.GracePeriodSeconds(0))).To(Succeed())
	k.set(namespace, name, func(log *containerLog) { log.ended = true })
}

// set changes the log of a Pod.
func (k *kubelet) set(namespace, name string, change func(*containerLog)) {
	k.change(func() { change(k.logs[pathOf(namespace, name)]) })
}

// write adds a line to the log of a Pod.
func (k *kubelet) write(namespace, name string, at time.Time, text string) {
	k.set(namespace, name, func(log *containerLog) { log.lines = append(log.lines, stamped(at, text)) })
}

func stamped(at time.Time, text string) stampedLine {
	return stampedLine{at, strings.TrimSuffix(text, "\n")}
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
	if log.fails {
		http.Error(w, "the runtime does not answer", http.StatusInternalServerError)
		return
	}
	k.serveLog(w, r, log)
}

// serveLog writes the lines of a log, and waits for more if they are to be followed.
func (k *kubelet) serveLog(w http.ResponseWriter, r *http.Request, log *containerLog) {
	from, follow := begin(r.URL.Query()), r.URL.Query().Get("follow") == "true"
	k.mutex.Lock()
	broken, cut := log.broken, log.cut
	log.cut = 0
	k.mutex.Unlock()
	for sent := 0; ; {
		k.mutex.Lock()
		seen, changed := *log, k.changed
		k.mutex.Unlock()
		if follow && seen.broken != broken {
			return
		}
		text := textOf(seen.lines[sent:], from)
		sent = len(seen.lines)
		_, _ = w.Write([]byte(text[:len(text)-cut] + seen.message)) // the reader may be gone
		_ = http.NewResponseController(w).Flush()
		if cut > 0 {
			panic(http.ErrAbortHandler)
		}
		if seen.ended || seen.message != "" || !follow {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

// textOf returns the lines that are not older than a time.
func textOf(lines []stampedLine, from time.Time) string {
	var text strings.Builder
	for _, l := range lines {
		if !l.at.Before(from) {
			fmt.Fprintf(&text, "%s %s\n", l.at.Format(time.RFC3339Nano), l.text)
		}
	}
	return text.String()
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
