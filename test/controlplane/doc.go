// Package controlplane runs a real control plane on this machine, etcd and kube-apiserver, with the operator's CRDs,
// roles and admission policies. The tests and `make run` use it.
package controlplane
