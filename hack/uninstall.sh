#!/usr/bin/env bash
# Takes the CRDs, given as YAML on standard input, out of the cluster of the current kubeconfig. Refuses while
# objects of theirs exist: a CRD takes its objects with it without asking the admission policies, however the
# switch stands, and hangs where nobody is left to drop their finalizers.
#
#   KUBECTL="kubectl --context prod" hack/uninstall.sh <crds.yaml
set -euo pipefail

readonly kubectl=${KUBECTL:-kubectl}
readonly shown=10
crds=$(cat)

# installed prints, one a line, the resources of those CRDs that the cluster has.
installed() {
  $kubectl get --ignore-not-found -o name -f - <<<"$crds" | cut -d / -f 2
}

# objects RESOURCE prints its objects, but for the operator's own sentinel (policy.IsSentinel), which is nobody.
objects() {
  $kubectl get "$1" --all-namespaces --ignore-not-found --no-headers \
    -o 'custom-columns=:.kind,:.metadata.namespace,:.metadata.name,:.metadata.labels.cloudsso\.dev/fence,:.spec.source' \
    | awk '!($3 == "fence" && $4 != "<none>" && $5 == "Manual") { print $1 " " $2 "/" $3 }'
}

resources=$(installed)
left=""
for resource in $resources; do
  left+=$(objects "$resource")$'\n'
done
left=$(sed '/^$/d' <<<"$left")

if [[ -n $left ]]; then
  {
    echo "uninstall: refused, nothing is deleted. With the CRDs these would go, though a switch is Enabled:"
    head -n "$shown" <<<"$left" | sed 's/^/  /'
    more=$(($(wc -l <<<"$left") - shown))
    [[ $more -le 0 ]] || echo "  and $more more"
    echo "Delete them first, while the operator runs: docs/install.md, \"Remove\", says how."
  } >&2
  exit 1
fi
$kubectl delete --ignore-not-found -f - <<<"$crds"
