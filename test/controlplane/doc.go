// Package controlplane runs a real control plane on this machine, etcd and kube-apiserver, with the
// operator's custom resources, access rules and admission policies installed: what the tests and
// `make run` have in common.
package controlplane
