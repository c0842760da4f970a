package policy

import (
	"encoding/json"
	"maps"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cloudsso/cloudsso-operator/api/v1alpha1"
)

// LastChange is the value of v1alpha1.AnnotationLastChange: which SCIM request wrote an object last.
type LastChange struct {
	// Cause is Create, Replace, Modify or Delete; Apply or Discard if an administrator decided about the deactivation that the
	// request asked for.
	Cause string `json:"cause"`
	// Credential is the name of the SCIMCredential, and RequestID what the provisioning log has the request under.
	Credential string `json:"credential"`
	RequestID  string `json:"requestID"`
	// Time is in RFC 3339.
	Time string `json:"time"`
}

// LastChangeOf returns which SCIM request wrote an object last. It reports false if none did, or if the annotation is none
// that the operator wrote.
func LastChangeOf(o metav1.Object) (change LastChange, known bool) {
	value, there := o.GetAnnotations()[v1alpha1.AnnotationLastChange]
	return change, there && json.Unmarshal([]byte(value), &change) == nil
}

// SetLastChange records with an object what writes it, and when. The former map of annotations is left as it is.
func SetLastChange(o metav1.Object, c LastChange, at time.Time) {
	c.Time = at.UTC().Format(time.RFC3339)
	value, err := json.Marshal(c)
	if err != nil {
		panic(err) // strings always encode
	}
	annotations := maps.Clone(o.GetAnnotations())
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[v1alpha1.AnnotationLastChange] = string(value)
	o.SetAnnotations(annotations)
}
