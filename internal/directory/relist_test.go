package directory

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// refusing is an API server that refuses watches.
type refusing struct{ err error }

func (refusing) ListWithContext(context.Context, metav1.ListOptions) (runtime.Object, error) {
	return &v1alpha1.CloudSSOUserList{}, nil
}

func (r refusing) WatchWithContext(context.Context, metav1.ListOptions) (watch.Interface, error) {
	return nil, r.err
}

// A watch that cannot be taken up again says so, for only then the reflector lists anew: it does not go on asking,
// and does not end without a word.
func TestAWatchThatCannotBeHadSaysSo(t *testing.T) {
	users := runtimeschema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: "cloudssousers"}
	forbidden := apierrors.NewForbidden(users, "", nil)
	for code, refusal := range map[int32]error{
		http.StatusGone:         apierrors.NewResourceExpired("too old resource version"),
		http.StatusForbidden:    fmt.Errorf("%w - error from a previous attempt: EOF", forbidden), // as client-go has it
		http.StatusUnauthorized: apierrors.NewUnauthorized("not yet"),
	} {
		w := &relistWatch{ListerWatcherWithContext: refusing{refusal}, relist: &relist{}}
		watching, err := w.WatchWithContext(t.Context(), metav1.ListOptions{ResourceVersion: "7"})
		if err != nil {
			t.Fatal(err)
		}
		select {
		case event := <-watching.ResultChan():
			if status, ok := event.Object.(*metav1.Status); event.Type != watch.Error || !ok || status.Code != code {
				t.Errorf("%v: it says %v %+v", refusal, event.Type, event.Object)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%v: it says nothing", refusal)
		}
		watching.Stop()
	}
}
