// Package policyconfig holds the manifests of the admission policies, so that the operator can compare them with those of
// the cluster.
package policyconfig

import "embed"

// Manifests are the YAML files of this folder: ValidatingAdmissionPolicies, each with its binding, and the kustomization.
//
//go:embed *.yaml
var Manifests embed.FS
