package main

import (
	"errors"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestOnlyAForbiddenRequestIsARefusal(t *testing.T) {
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", nil)
	for name, c := range map[string]struct {
		answers   []error
		isRefusal bool
	}{
		"forbidden at once":           {[]error{forbidden}, true},
		"forbidden at the third":      {[]error{nil, nil, forbidden}, true},
		"no answer":                   {[]error{nil, errors.New("connection refused"), forbidden}, false},
		"a user who is not known":     {[]error{apierrors.NewUnauthorized("no"), forbidden}, false},
		"an API server that is going": {[]error{apierrors.NewServiceUnavailable("no"), forbidden}, false},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			_, err := untilForbidden(func() error { asked++; return c.answers[asked-1] })
			if (err == nil) != c.isRefusal {
				t.Errorf("after %d requests the error is %v", asked, err)
			}
		})
	}
}
