// Package local runs the operator on this machine, for real: a control plane, managers as processes
// with the operator's own identity, a directory and a credential. It is what `make run` shows and what
// end-to-end tests test.
package quickstart
