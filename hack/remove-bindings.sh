#!/usr/bin/env bash
# Takes back what access assignments have granted, before the operator is deleted from the cluster of the current
# kubeconfig, because afterwards nothing would. The manifests of the operator, as YAML, are on standard input. It deletes
# the Deployment first, because a running operator restores a deleted binding, and then runs manager --remove-bindings as
# a Job. It fails if a binding is left. It does nothing if access is not installed and no assignment has granted anything.
#
#   kustomize build config/undeploy | KUBECTL="kubectl --context prod" hack/remove-bindings.sh
set -euo pipefail

readonly kubectl=${KUBECTL:-kubectl}
readonly job=cloudsso-remove-bindings
readonly job_timeout=10m pod_timeout=3m shown=10

# bindings prints the bindings that assignments have made, one a line.
bindings() {
  $kubectl get rolebindings,clusterrolebindings --all-namespaces --ignore-not-found --no-headers -l cloudsso.dev/assignment \
    -o 'custom-columns=:.kind,:.metadata.namespace,:.metadata.name'
}

# stop REASON REMEDY ends the script and names the bindings that are left.
stop() {
  {
    echo "undeploy: stopped, because $1."
    [[ -z $left ]] || { echo "These bindings still give access:"; head -n "$shown" <<<"$left" | sed 's/^/  /'; }
    echo "$2"
  } >&2
  exit 1
}

# Of the manifests, what the cluster has: kind, namespace and name, one object a line.
installed=$($kubectl get --ignore-not-found --no-headers -o 'custom-columns=:.kind,:.metadata.namespace,:.metadata.name' -f -)
left=$(bindings)
read -r namespace cronjob < <(awk '$1 == "CronJob" { print $2, $3 }' <<<"$installed") || true
if [[ -z ${cronjob:-} ]]; then
  [[ -z $left ]] || stop "the CronJob $job, which takes back access, is not installed" \
    "Uncomment components and ../access in config/default/kustomization.yaml, run: make deploy; then run again: make undeploy"
  exit 0
fi

awk '$1 == "Deployment" { print $2, $3 }' <<<"$installed" | while read -r deployment_namespace deployment; do
  $kubectl -n "$deployment_namespace" delete deployment "$deployment" --cascade=foreground --timeout="$pod_timeout"
done
$kubectl -n "$namespace" delete job "$job" --ignore-not-found # of an earlier attempt
$kubectl -n "$namespace" create job "$job" --from="cronjob/$cronjob"
for end in complete failed; do
  $kubectl -n "$namespace" wait "job/$job" --for="condition=$end" --timeout="$job_timeout" >/dev/null 2>&1 &
done
wait -n || true
kill $(jobs -p) 2>/dev/null || true

succeeded=$($kubectl -n "$namespace" get job "$job" -o jsonpath='{.status.conditions[?(@.type=="Complete")].status}')
left=$(bindings)
[[ $succeeded == True ]] || stop "the Job $job in namespace $namespace has not succeeded" \
  "Its output says why: kubectl -n $namespace logs job/$job. Then run again: make undeploy; or, to go on as before: make deploy"
[[ -z $left ]] || stop "the Job $job has left bindings" \
  "If a shard has made them, first delete its operator: kubectl delete -k config/shard. Then run again: make undeploy"
$kubectl -n "$namespace" delete job "$job"
