package server_test

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/cloudsso/cloudsso-operator/internal/scim/server"
)

func TestEachMethodOfEachRouteIsOneOperation(t *testing.T) {
	const (
		unknown   = server.OperationUnknown
		discovery = server.OperationDiscovery
		query     = server.OperationQuery
		bulk      = server.OperationBulk
		read      = server.OperationRead
		create    = server.OperationCreate
		replace   = server.OperationReplace
		modify    = server.OperationModify
		remove    = server.OperationDelete
	)
	methods := strings.Fields("GET HEAD POST PUT PATCH DELETE OPTIONS FROB")
	for _, c := range []struct {
		path, route string
		want        [8]server.Operation // by method
	}{
		{"/ServiceProviderConfig", "/ServiceProviderConfig", [8]server.Operation{discovery, discovery, unknown, unknown, unknown, unknown, unknown, unknown}},
		{"/ResourceTypes", "/ResourceTypes", [8]server.Operation{discovery, discovery, unknown, unknown, unknown, unknown, unknown, unknown}},
		{"/ResourceTypes/User", "/ResourceTypes/{id}", [8]server.Operation{discovery, discovery, unknown, unknown, unknown, unknown, unknown, unknown}},
		{"/Schemas", "/Schemas", [8]server.Operation{discovery, discovery, unknown, unknown, unknown, unknown, unknown, unknown}},
		{"/Schemas?filter=x", "/Schemas", [8]server.Operation{discovery, discovery, unknown, unknown, unknown, unknown, unknown, unknown}},
		{"/Schemas/x", "/Schemas/{id}", [8]server.Operation{discovery, discovery, unknown, unknown, unknown, unknown, unknown, unknown}},
		{"", "/", [8]server.Operation{query, query, unknown, unknown, unknown, unknown, unknown, unknown}},
		{"/.search", "/.search", [8]server.Operation{unknown, unknown, query, unknown, unknown, unknown, unknown, unknown}},
		{"/Bulk", "/Bulk", [8]server.Operation{unknown, unknown, bulk, unknown, unknown, unknown, unknown, unknown}},
		{"/Me", "/Me", [8]server.Operation{unknown, unknown, unknown, unknown, unknown, unknown, unknown, unknown}},
		{"/users", "", [8]server.Operation{unknown, unknown, unknown, unknown, unknown, unknown, unknown, unknown}},
		{"/Users", "/Users", [8]server.Operation{query, query, create, unknown, unknown, unknown, unknown, unknown}},
		{"/Groups", "/Groups", [8]server.Operation{query, query, create, unknown, unknown, unknown, unknown, unknown}},
		{"/Users/.search", "/Users/.search", [8]server.Operation{unknown, unknown, query, unknown, unknown, unknown, unknown, unknown}},
		{"/Groups/.search", "/Groups/.search", [8]server.Operation{unknown, unknown, query, unknown, unknown, unknown, unknown, unknown}},
		{"/Users/x", "/Users/{id}", [8]server.Operation{read, read, unknown, replace, modify, remove, unknown, unknown}},
		{"/Groups/x", "/Groups/{id}", [8]server.Operation{read, read, unknown, replace, modify, remove, unknown, unknown}},
	} {
		for i, method := range methods {
			s := newService(t)
			request := httptest.NewRequestWithContext(t.Context(), method, "/scim/v2"+c.path, strings.NewReader(`{"userName":"alice","displayName":"Staff","Operations":[]}`))
			request.Header.Set("Authorization", "Bearer "+token)
			s.handler.ServeHTTP(httptest.NewRecorder(), request)
			if got := s.record(); got.Operation != c.want[i] || got.Route != c.route {
				t.Errorf("%s %s: %s at %q, want %s at %q", method, c.path, got.Operation, got.Route, c.want[i], c.route)
			}
		}
	}
}

func TestOperationsOfABulkRequestAreRecorded(t *testing.T) {
	s := newService(t)
	s.do("POST", "/Bulk", `{"Operations":[
		{"method":"POST","path":"/Users","bulkId":"1","data":{"userName":"alice"}},
		{"method":"PUT","path":"/Users/x","data":{"userName":"alice"}},
		{"method":"PATCH","path":"/Groups/x","data":{}},
		{"method":"DELETE","path":"/Users/x"}]}`).answers(200)
	var got []server.Operation
	for _, r := range s.records {
		got = append(got, r.Operation)
	}
	want := []server.Operation{server.OperationCreate, server.OperationReplace, server.OperationModify, server.OperationDelete, server.OperationBulk}
	if !slices.Equal(got, want) {
		t.Errorf("recorded %v, want %v", got, want)
	}
}
