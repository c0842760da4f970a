package access

import (
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/bindings"
)

// manySubjects is how many projected subjects a namespace, or the cluster, may have without a warning. RBAC reads every
// subject that could apply at each request: 10,000 add 0.1 ms to each, 100,000 about 1 ms, measured
// (docs/adr/0022-cost-of-a-grant.md).
const manySubjects = 10_000

var manySubjectsCondition = metav1.Condition{
	Type: v1alpha1.ConditionManySubjects, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonTooManySubjects,
	Message: "bindings of the operator have more than 10,000 subjects in a target, and Kubernetes reads each at every request there; " +
		"bind the group of the OIDC token by hand instead (docs/adr/0022-cost-of-a-grant.md), or grant to smaller groups",
}

// loads knows how many subjects the bindings of all assignments have in each target. Safe for concurrent use.
type loads struct {
	bindings *bindings.Bindings
	now      func() time.Time

	mu        sync.Mutex
	byTarget  map[string]int
	countedAt time.Time
}

// of returns how many subjects a target has, or had within countInterval.
func (l *loads) of(target string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byTarget == nil || l.now().Sub(l.countedAt).Abs() >= countInterval {
		l.byTarget, l.countedAt = map[string]int{}, l.now()
		for _, key := range l.bindings.Assignments() {
			for _, target := range l.bindings.Targets(key) {
				view := l.bindings.View(key, target)
				for _, number := range view.Numbers() {
					l.byTarget[target] += len(view.Subjects(number))
				}
			}
		}
	}
	return l.byTarget[target]
}
