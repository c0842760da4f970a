package nameclaim

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// emptyIndex is an index that shows no object.
type emptyIndex struct{}

func (emptyIndex) Named(Name) []string { return nil }

func TestSweepOfALargeDirectoryIsDoneInParts(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	const users = sweepLimit + 1
	all := make([]client.Object, users)
	for i := range all {
		id := fmt.Sprintf("user-%d", i)
		all[i] = &v1alpha1.CloudSSOUser{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: id}, Spec: v1alpha1.CloudSSOUserSpec{UserName: id}}
	}
	claims := New(fake.NewClientBuilder().WithScheme(scheme).WithObjects(all...).Build(), emptyIndex{}, time.Now)
	for _, want := range []Swept{{Acquired: sweepLimit, IsPartial: true}, {Acquired: 1}, {}} {
		holders := map[Name]string{}
		for _, o := range all {
			holders[NameOf(o)] = o.GetName()
		}
		swept, err := claims.Sweep(t.Context(), namespace, holders)
		if err != nil || swept != want {
			t.Fatalf("%+v, %v, want %+v", swept, err, want)
		}
	}
}
