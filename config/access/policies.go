// Package accessconfig holds the manifests of access assignments, with their admission policy, so that the operator can
// compare it with that of the cluster.
package accessconfig

import "embed"

// Manifests are the YAML files of this folder.
//
//go:embed *.yaml
var Manifests embed.FS
