// Package foreigncrds names the modules of other projects whose CRDs tests install. go mod tidy keeps a module that is imported,
// so this imports the package of each that needs the fewest others.
package foreigncrds

import (
	_ "github.com/cert-manager/cert-manager/pkg/apis/certmanager"
	_ "github.com/prometheus-operator/prometheus-operator/pkg/versionutil"
	_ "sigs.k8s.io/gateway-api/pkg/consts"
)
