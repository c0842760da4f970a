package group

import (
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// Nobody is sent to do what the lock or the guard refuses.
func TestAdviceCanBeFollowed(t *testing.T) {
	of := func(name string, source v1alpha1.Source) *v1alpha1.CloudSSOGroup {
		g := &v1alpha1.CloudSSOGroup{Spec: v1alpha1.CloudSSOGroupSpec{Source: source, DisplayName: "Staff"}}
		g.Name = name
		return g
	}
	const scim, manual = v1alpha1.SourceSCIM, v1alpha1.SourceManual
	const where = "in the identity provider, or after switching SCIM synchronization off"
	strangers := roll{unknown: []string{"nobody"}}
	for _, test := range []struct {
		name      string
		g, holder *v1alpha1.CloudSSOGroup
		called    roll
		want      string
	}{
		{"two synchronized", of("a", scim), of("b", scim), roll{}, "CloudSSOGroup b; rename or delete one of the two, " + where},
		{"a manual one", of("a", manual), of("b", scim), roll{}, "CloudSSOGroup b; rename or delete one of the two; the one of source SCIM " + where},
		{"two manual", of("a", manual), of("b", manual), roll{}, "CloudSSOGroup b; rename or delete one of the two"},
		{"strangers in a synchronized one", of("a", scim), nil, strangers, "nobody; create those users, or take them out of spec.members, " + where},
		{"strangers in a manual one", of("a", manual), nil, strangers, "nobody; create those users, or take them out of spec.members"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := ready(test.g, test.holder, test.called).Message; !strings.HasSuffix(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// The roll of a large group is not called once a second, and that of any other is.
func TestTheRollOfALargeGroupIsCalledSeldom(t *testing.T) {
	large, small := client.ObjectKey{Namespace: "acme", Name: "everybody"}, client.ObjectKey{Namespace: "acme", Name: "staff"}
	var r rolls
	r.note(large, 300*time.Millisecond)
	r.note(small, 300*time.Microsecond)
	if got := r.pause(large); got != 6*time.Second {
		t.Errorf("a roll that takes 300 ms is called again after %s", got)
	}
	if got := r.pause(small); got != sliceInterval {
		t.Errorf("a roll that takes no time is called again after %s", got)
	}
	if r.note(large, 0); r.pause(large) != sliceInterval {
		t.Error("a group that is gone is remembered")
	}
}
