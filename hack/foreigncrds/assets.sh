#!/usr/bin/env bash
# Prints the files with the CRDs of other projects whose kinds config and the chart have, one a line. They are files of the Go
# modules of go.mod beside this file, which go downloads once and verifies by go.sum.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export GOFLAGS= GOWORK=off

# Pairs of a module and a file in it.
readonly crds="
  github.com/cert-manager/cert-manager deploy/crds/cert-manager.io_certificates.yaml
  github.com/prometheus-operator/prometheus-operator example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml
  github.com/prometheus-operator/prometheus-operator example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml
  sigs.k8s.io/gateway-api config/crd/standard/gateway.networking.k8s.io_httproutes.yaml
"

while read -r module file; do
  [[ -n $module ]] || continue
  go mod download "$module" >&2
  path=$(go list -m -f '{{.Dir}}' "$module")/$file
  [[ -s $path ]] || { echo "foreigncrds: $module has no $file in this version: name its CRD in ${BASH_SOURCE[0]}" >&2; exit 1; }
  echo "$path"
done <<<"$crds"
