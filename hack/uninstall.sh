#!/usr/bin/env bash
# Deletes the CRDs, given as YAML on standard input, from the cluster of the current kubeconfig. It refuses while an
# object of theirs exists, because a CRD is deleted with all its objects, and no other admission policy is asked. If the
# operator no longer runs, the finalizers of these objects also block the deletion of the CRD.
#
# CloudSSONameClaims do not count: they are the operator's records of users and groups, without finalizers. A crash can
# leave one over, and a person cannot delete it.
#
#   KUBECTL="kubectl --context prod" hack/uninstall.sh <crds.yaml
set -euo pipefail

readonly kubectl=${KUBECTL:-kubectl}
readonly claims=cloudssonameclaims.cloudsso.dev
readonly shown=10
crds=$(cat)

# installed prints, one a line, the resources of those CRDs that the cluster has.
installed() {
  $kubectl get --ignore-not-found -o name -f - <<<"$crds" | cut -d / -f 2
}

# objects RESOURCE prints its objects, one a line: kind, namespace and name.
objects() {
  $kubectl get "$1" --all-namespaces --ignore-not-found --no-headers \
    -o 'custom-columns=:.kind,:.metadata.namespace,:.metadata.name' | awk '{ print $1 " " $2 "/" $3 }'
}

resources=$(installed)
left=""
for resource in $resources; do
  [[ $resource != "$claims" ]] || continue
  left+=$(objects "$resource")$'\n'
done
left=$(sed '/^$/d' <<<"$left")

if [[ -n $left ]]; then
  {
    echo "uninstall: refused, nothing is deleted. These objects would be deleted with the CRDs, even where synchronization is Enabled:"
    head -n "$shown" <<<"$left" | sed 's/^/  /'
    more=$(($(wc -l <<<"$left") - shown))
    [[ $more -le 0 ]] || echo "  and $more more"
    echo "Delete them first, while the operator runs: see \"Remove\" in docs/install.md."
  } >&2
  exit 1
fi
for resource in $resources; do # without it the policy cloudsso-crds refuses the deletion
  $kubectl annotate --overwrite crd "$resource" cloudsso.dev/delete=yes
done
$kubectl delete --ignore-not-found -f - <<<"$crds"
