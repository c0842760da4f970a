package server

import (
	"fmt"
	"net/http"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/limits"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// checkSize refuses a change that makes a resource longer than limits.Resource. Without it a resource could grow until the
// store takes no change any more, not even a deactivation or a deletion.
func checkSize(rt *schema.ResourceType, current, next schema.Object) error {
	size := sizeOf(rt, next)
	if size <= limits.Resource || size <= sizeOf(rt, current) {
		return nil
	}
	return &scim.Error{
		Status: http.StatusRequestEntityTooLarge,
		Detail: fmt.Sprintf("the %s would take %d bytes as JSON, and at most %d are stored, so that it can always be deactivated and deleted; remove some values", rt.Name, size, limits.Resource),
	}
}

// sizeOf returns the size of a resource without active, so that a deactivation never makes a resource larger.
func sizeOf(rt *schema.ResourceType, o schema.Object) int {
	return len(schema.AppendJSON(nil, rt.Attributes, o.Without(schema.Active)))
}

// checkChange checks what is about to be stored against what is stored; current is nil for a new resource.
func checkChange(rt *schema.ResourceType, current, next schema.Object) error {
	if err := schema.CheckCharacters(current, next); err != nil {
		return err
	}
	return checkSize(rt, current, next)
}
