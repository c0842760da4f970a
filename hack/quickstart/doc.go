// Package quickstart runs the operator on this machine: a control plane, managers as processes with the operator's own
// identity, a directory and a credential. `make run` and the end-to-end tests use it.
package quickstart
