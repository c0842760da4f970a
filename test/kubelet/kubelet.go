// Package kubelet makes a program of a test a node of a control plane, so that the API server asks it for the logs of Pods.
package kubelet

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Start serves a handler, and creates the Node whose kubelet it is. For the log of a Pod of that node the API server sends GET
// /containerLogs/NAMESPACE/POD/CONTAINER, with the options of the log as parameters. c is an administrator's. stop deletes the Node
// and ends the server; it is nil if there is an error.
func Start(ctx context.Context, c client.Client, handler http.Handler) (node string, stop func(context.Context) error, err error) {
	server := httptest.NewTLSServer(handler)
	created, err := register(ctx, c, server.URL)
	if err != nil {
		server.Close()
		return "", nil, err
	}
	return created.Name, func(ctx context.Context) error {
		defer server.Close()
		return c.Delete(ctx, created)
	}, nil
}

// register creates a Node with the address of a server.
func register(ctx context.Context, c client.Client, server string) (*corev1.Node, error) {
	address, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	host, text, err := net.SplitHostPort(address.Host)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return nil, err
	}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{GenerateName: "node-"}}
	if err := c.Create(ctx, node); err != nil {
		return nil, err
	}
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: host}}
	node.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(port)
	if err := c.Status().Update(ctx, node); err != nil {
		return nil, errors.Join(err, c.Delete(ctx, node))
	}
	return node, nil
}
