#!/usr/bin/env bash
# Prints the folder with what installs the chart in tests: helm, kwok, and the stages that kwok takes nodes and Pods through.
# It builds them from the Go modules of go.mod beside this file, once per version, into the user's cache directory: five to
# ten minutes on two cores. Only the folder goes to standard output. An interrupted or concurrent call leaves no incomplete
# file, because each file is moved into place when it is whole.
set -euo pipefail

readonly here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# The stages of a cluster whose containers start at once.
readonly stages="node/fast node/heartbeat pod/fast"

say() { echo "installtools: $*" >&2; }
die() { say "$*"; exit 1; }
version_of() { awk -v module="$1" '$1 == module && $2 ~ /^v/ { print $2; exit }' "$here/go.mod"; }
go_here() { (cd "$here" && env -u GOOS -u GOARCH GOFLAGS= GOWORK=off CGO_ENABLED=0 go "$@"); }

build() { # build BINARY PACKAGE
  [[ ! -x $folder/$1 ]] || return 0
  local started=$SECONDS
  say "building $1 from source (minutes, once)..."
  go_here build -buildvcs=false -trimpath -ldflags "-s -w" -o "$unfinished/$1" "$2"
  mv "$unfinished/$1" "$folder/$1"
  say "built $1 in $((SECONDS - started)) s"
}

copy_stages() {
  [[ ! -s $folder/stages.yaml ]] || return 0
  local module stage file
  go_here mod download sigs.k8s.io/kwok
  module=$(go_here list -m -f '{{.Dir}}' sigs.k8s.io/kwok)
  for stage in $stages; do
    for file in "$module/kustomize/stage/$stage"/*.yaml; do
      [[ $file == */kustomization.yaml ]] || { echo ---; cat "$file"; }
    done
  done >"$unfinished/stages.yaml"
  mv "$unfinished/stages.yaml" "$folder/stages.yaml"
}

readonly root=${XDG_CACHE_HOME:-$HOME/.cache}/cloudsso-operator/installtools
helm=$(version_of helm.sh/helm/v4) kwok=$(version_of sigs.k8s.io/kwok)
[[ -n $helm && -n $kwok ]] || die "$here/go.mod does not name the versions of helm and kwok"
# The checksum stands for all other modules, the flags of the build and the stages.
readonly folder=$root/helm-$helm-kwok-$kwok-$(cat "$here/go.sum" "${BASH_SOURCE[0]}" | cksum | cut -d ' ' -f 1)
mkdir -p "$folder"
unfinished=$(mktemp -d "$root/.unfinished.XXXXXX")
trap 'rm -rf "$unfinished"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

build helm helm.sh/helm/v4/cmd/helm
build kwok sigs.k8s.io/kwok/cmd/kwok
copy_stages
echo "$folder"
