package store

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
	"github.com/cloudsso/cloudsso-operator/internal/policy"
	"github.com/cloudsso/cloudsso-operator/internal/scim"
)

// setLastChange records with an object which request writes it, in the write that the request needs anyway. The former map
// of annotations is left as it is. A call that is part of no request records nothing.
func setLastChange(ctx context.Context, o metav1.Object, at time.Time) {
	request, known := scim.RequestOf(ctx)
	if !known {
		return
	}
	value, err := json.Marshal(policy.LastChange{
		Cause:      request.Operation,
		Credential: strings.TrimPrefix(request.Subject, o.GetNamespace()+"/"),
		RequestID:  request.ID,
		Time:       at.UTC().Format(time.RFC3339),
	})
	if err != nil {
		panic(err) // strings always encode
	}
	annotations := map[string]string{v1alpha1.AnnotationLastChange: string(value)}
	for key, present := range o.GetAnnotations() {
		if key != v1alpha1.AnnotationLastChange {
			annotations[key] = present
		}
	}
	o.SetAnnotations(annotations)
}
