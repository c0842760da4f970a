package server

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/cloudsso/cloudsso-operator/internal/scim"
	"github.com/cloudsso/cloudsso-operator/internal/scim/schema"
)

// bulkIDPrefix begins a reference to the bulkId of another operation (RFC 7644 section 3.7.2).
const bulkIDPrefix = "bulkId:"

// resolveBulkID replaces "bulkId:" and the name after it by the id of the resource that the operation of that
// name created.
func (b *batch) resolveBulkID(text string) (string, error) {
	at := strings.Index(text, bulkIDPrefix)
	if at < 0 {
		return text, nil
	}
	name := text[at+len(bulkIDPrefix):]
	i, known := b.byID[name]
	if !known {
		return "", scim.BadRequest(scim.InvalidValue, "%s: no POST in this request has that bulkId", quoted(bulkIDPrefix+name))
	}
	if b.operations[i].state == underWay {
		return "", &scim.Error{
			Status: http.StatusConflict,
			Detail: fmt.Sprintf("%s: the operations refer to each other in a circle; create a resource without the reference, then add it", quoted(bulkIDPrefix+name)),
		}
	}
	if b.runOnce(i); b.operations[i].id == "" {
		return "", &scim.Error{
			Status: http.StatusConflict,
			Detail: fmt.Sprintf("%s: the operation with that bulkId has failed", quoted(bulkIDPrefix+name)),
		}
	}
	return text[:at] + b.operations[i].id, nil
}

// resolveData resolves the references in the data of an operation: in attributes that hold the id of another
// resource, and in filters on them. Any other text that begins with "bulkId:" is text.
func (b *batch) resolveData(rt *schema.ResourceType, method string, data any) (any, error) {
	fields, ok := data.(map[string]any)
	if !ok {
		return data, nil
	}
	if method != http.MethodPatch {
		return fields, b.resolveResource(rt, fields)
	}
	operations, _ := schema.JSONMember(fields, "Operations")
	list, _ := operations.([]any)
	for _, item := range list {
		if operation, ok := item.(map[string]any); ok {
			if err := b.resolveOperation(rt, operation); err != nil {
				return nil, err
			}
		}
	}
	return fields, nil
}

// resolveResource resolves the references in an object whose names are attributes or paths.
func (b *batch) resolveResource(rt *schema.ResourceType, fields map[string]any) (err error) {
	for name := range fields {
		if fields[name], err = b.resolveValue(attributeAt(rt, name), fields[name]); err != nil {
			return err
		}
	}
	return nil
}

// attributeAt returns the attribute that a path leads to, without its filter; nil if there is none.
func attributeAt(rt *schema.ResourceType, path string) *schema.Attribute {
	name, _, _ := strings.Cut(path, "[")
	if p := rt.Resolve(strings.TrimSpace(name)); p != nil {
		return p.Last()
	}
	return nil
}

// resolveValue resolves the references in the value of an attribute, which is nil if it is unknown.
func (b *batch) resolveValue(a *schema.Attribute, v any) (any, error) {
	if a == nil {
		return v, nil
	}
	var err error
	switch v := v.(type) {
	case string:
		if a.HoldsID() && strings.HasPrefix(v, bulkIDPrefix) {
			return b.resolveBulkID(v)
		}
	case []any:
		for i := range v {
			if v[i], err = b.resolveValue(a, v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for name := range v {
			if v[name], err = b.resolveValue(a.Sub(name), v[name]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// resolveOperation resolves the references in the path and the value of an operation of a PATCH.
func (b *batch) resolveOperation(rt *schema.ResourceType, operation map[string]any) (err error) {
	v, _ := schema.JSONMember(operation, "path")
	path, _ := v.(string)
	target := attributeAt(rt, path)
	for name, v := range operation {
		fields, isObject := v.(map[string]any)
		switch {
		case strings.EqualFold(name, "path"):
			if target.HoldsID() {
				operation[name], err = b.resolvePath(path)
			}
		case !strings.EqualFold(name, "value"):
		case path == "" && isObject:
			err = b.resolveResource(rt, fields)
		default:
			operation[name], err = b.resolveValue(target, v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// quotedBulkID is a reference in a filter.
var quotedBulkID = regexp.MustCompile(`"` + bulkIDPrefix + `[^"\\]*"`)

// resolvePath resolves the references in the filter of a path.
func (b *batch) resolvePath(path string) (string, error) {
	var failure error
	resolved := quotedBulkID.ReplaceAllStringFunc(path, func(reference string) string {
		id, err := b.resolveBulkID(strings.Trim(reference, `"`))
		if err != nil && failure == nil {
			failure = err
		}
		return string(schema.AppendString(nil, id))
	})
	return resolved, failure
}
