#!/usr/bin/env bash
# Prints the folder that holds a real control plane: etcd, kube-apiserver and kubectl.
#
#   assets.sh                                   these three
#   assets.sh --with kube-controller-manager    also kube-controller-manager (garbage collection, namespace deletion)
#   assets.sh --with kube-scheduler             also kube-scheduler; both may be given
#
# Only the folder goes to standard output; progress goes to standard error.
# It uses the first of: the folder that KUBEBUILDER_ASSETS names; the user's cache
# directory; a download by setup-envtest, unless CLOUDSSO_NO_DOWNLOAD=1; a build from
# the Go modules of go.mod beside this file, once per version, into the cache.
# Concurrent calls wait for each other. An interrupted call leaves no incomplete files.
set -euo pipefail

readonly here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly core="etcd kube-apiserver kubectl"
# Enough for about 100 MB over an ordinary line. If it takes longer, a build is as fast.
readonly download_timeout_seconds=120
readonly heartbeat_seconds=30

say() { echo "controlplane: $*" >&2; }
die() { say "$*"; exit 1; }

version_of() { awk -v module="$1" '$1 == module && $2 ~ /^v/ { print $2; exit }' "$here/go.mod"; }

# holds FOLDER BINARY... succeeds if the folder has every binary. Otherwise `missing` names the first absent one.
missing=""
holds() {
  local folder=$1 binary
  shift
  for binary in "$@"; do
    [[ -x $folder/$binary ]] || { missing=$binary; return 1; }
  done
}

# --- one builder at a time: a symbolic link to the builder's process id, made atomically ---

unlock() { [[ $(readlink "$lock" 2>/dev/null) == "$$" ]] && rm -f "$lock"; true; }

take_lock() {
  local owner said=""
  mkdir -p "$root"
  until ln -sn "$$" "$lock" 2>/dev/null; do
    owner=$(readlink "$lock" 2>/dev/null) || continue
    if ! kill -0 "$owner" 2>/dev/null; then
      rm -f "$lock" # its process was killed before it could clean up
    elif [[ -z $said ]]; then
      said=yes
      say "process $owner is already preparing the control plane; waiting for it (if it is something else, remove $lock)"
    else
      sleep 1
    fi
  done
  remove_unfinished '[0-9]*' # left by a killed process, because such folders exist only under the lock
}

remove_unfinished() { # setup-envtest leaves its folders read-only
  chmod -R u+w "$root"/.download.$1 2>/dev/null || true
  rm -rf "$root"/.*.$1
}

job="" timer=""
clean_up() {
  stop_timer
  [[ -z $job ]] || kill "$job" 2>/dev/null || true
  remove_unfinished "$$"
  unlock
}

stop_timer() {
  [[ -z $timer ]] || { kill "$timer" && wait "$timer"; } 2>/dev/null || true
  timer=""
}

# await COMMAND... runs it in the background, so that a signal ends the wait at once and
# clean_up the command.
await() {
  local status=0
  "$@" &
  job=$!
  wait "$job" || status=$?
  job=""
  return "$status"
}

# within SECONDS COMMAND... does the same as timeout(1), which not every system has.
within() {
  local seconds=$1 status=0
  shift
  "$@" &
  job=$!
  (sleep "$seconds"; kill "$job") </dev/null >/dev/null 2>&1 &
  timer=$!
  wait "$job" || status=$?
  job=""
  stop_timer
  return "$status"
}

# run_quietly WHAT COMMAND... runs the command and shows progress. It shows the command's output only if it fails.
run_quietly() {
  local what=$1 log="$root/.log.$$" started=$SECONDS status=0
  shift
  (while sleep "$heartbeat_seconds" 2>/dev/null; do say "  still $what ($((SECONDS - started)) s)"; done) </dev/null >/dev/null &
  timer=$!
  await "$@" >"$log" 2>&1 || status=$?
  stop_timer
  [[ $status == 0 ]] || cat "$log" >&2
  return "$status"
}

# --- built from source ---

package_of() {
  case $1 in
    etcd) echo go.etcd.io/etcd/server/v3 ;;
    *) echo "k8s.io/kubernetes/cmd/$1" ;;
  esac
}

duration_of() { # on two cores, nothing compiled yet
  case $1 in
    etcd | kubectl) echo "about 1 minute" ;;
    kube-apiserver) echo "about 4 minutes" ;;
    *) echo "about 2 minutes" ;;
  esac
}

# The version variables that release builds set, so that kubectl version and /version are correct.
ldflags() {
  local package=k8s.io/component-base/version major minor
  IFS=. read -r major minor _ <<<"${kubernetes#v}"
  echo "-s -w -X $package.gitVersion=$kubernetes -X $package.gitMajor=$major -X $package.gitMinor=$minor -X $package.gitTreeState=archive"
}

go_build() { # go_build OUTPUT PACKAGE, without the settings of the operator's own build
  cd "$here"
  exec env -u GOOS -u GOARCH GOFLAGS= GOWORK=off CGO_ENABLED=0 \
    go build -buildvcs=false -trimpath -ldflags "$(ldflags)" -o "$1" "$2"
}

build() {
  local binary=$1 version=$kubernetes started=$SECONDS unfinished="$root/.$1.$$"
  [[ $binary != etcd ]] || version=$etcd
  command -v go >/dev/null || die "cannot build $binary: no go command in PATH; install Go $(awk '$1 == "go" { print $2 }' "$here/go.mod") or later"
  say "building $binary $version from source ($(duration_of "$binary"), once)..."
  run_quietly "building $binary" go_build "$unfinished" "$(package_of "$binary")" \
    || die "building $binary failed: the compiler's output is above; if it could not reach the Go module proxy, check the network and go env GOPROXY"
  mkdir -p "$built"
  mv "$unfinished" "$built/$binary"
  say "built $binary in $((SECONDS - started)) s"
}

build_missing() {
  local binary
  for binary in "$@"; do
    holds "$built" "$binary" || build "$binary"
  done
}

# --- downloaded ---

build_setup_envtest() {
  cd "$here/../.."
  exec env GOFLAGS= GOWORK=off go build -buildvcs=false -modfile=hack/tools/go.mod \
    -o "$root/.setup-envtest.$$" sigs.k8s.io/controller-runtime/tools/setup-envtest
}

setup_envtest() {
  await build_setup_envtest || return
  within "$download_timeout_seconds" "$root/.setup-envtest.$$" use "$minor_release.x" -p path --bin-dir "$root/.download.$$"
}

download() {
  [[ -z ${CLOUDSSO_NO_DOWNLOAD:-} ]] && command -v go >/dev/null || return 1
  local from reason
  say "asking setup-envtest for Kubernetes $minor_release (at most $download_timeout_seconds s)..."
  if ! setup_envtest >"$root/.path.$$" 2>"$root/.log.$$"; then
    reason=$(grep -v '^$' "$root/.log.$$" | tail -n 1 | cut -c 1-300)
    say "download not possible (${reason:-no answer in time}); building from source instead"
    return 1
  fi
  from=$(tail -n 1 "$root/.path.$$")
  holds "$from" $core || { say "what was downloaded holds no $missing; building from source instead"; return 1; }
  chmod -R u+w "$root/.download.$$"
  mv "$from" "$downloaded"
  say "downloaded to $downloaded"
}

# --- which folder ---

prepare_core() { # sets `folder`
  if [[ -n ${KUBEBUILDER_ASSETS:-} ]]; then
    holds "$KUBEBUILDER_ASSETS" $core || die "KUBEBUILDER_ASSETS=$KUBEBUILDER_ASSETS holds no executable $missing; it needs ${core// /, }. Correct it, or unset it to have them downloaded or built"
    folder=$(cd "$KUBEBUILDER_ASSETS" && pwd)
  elif holds "$built" $core; then
    folder=$built
  elif holds "$downloaded" $core; then
    folder=$downloaded
  else
    take_lock
    if holds "$downloaded" $core || { ! holds "$built" $core && download; }; then
      folder=$downloaded
    else
      build_missing $core
      folder=$built
    fi
  fi
}

# add_extras adds the binaries of --with. It does not change a folder outside the cache:
# it makes another folder, with links to that one.
add_extras() {
  local joined binary
  holds "$folder" $extras && return
  if ! holds "$built" $extras; then
    [[ $(readlink "$lock" 2>/dev/null) == "$$" ]] || take_lock
    build_missing $extras
  fi
  [[ $folder != "$built" ]] || return 0
  joined="$root/joined-$kubernetes-$(cksum <<<"$folder" | cut -d ' ' -f 1)"
  mkdir -p "$joined"
  for binary in $core; do ln -sfn "$folder/$binary" "$joined/$binary"; done
  for binary in $extras; do ln -sfn "$built/$binary" "$joined/$binary"; done
  folder=$joined
}

extras=""
while [[ $# -gt 0 ]]; do
  case "$1 ${2:-}" in
    "--with kube-controller-manager" | "--with kube-scheduler") extras="$extras $2"; shift 2 ;;
    *) die "usage: assets.sh [--with kube-controller-manager] [--with kube-scheduler]" ;;
  esac
done

readonly kubernetes=$(version_of k8s.io/kubernetes) etcd=$(version_of go.etcd.io/etcd/server/v3)
[[ -n $kubernetes && -n $etcd ]] || die "$here/go.mod names no version of k8s.io/kubernetes or go.etcd.io/etcd/server/v3"
readonly minor_release=$(cut -d . -f 1-2 <<<"${kubernetes#v}")
readonly root=${XDG_CACHE_HOME:-$HOME/.cache}/cloudsso-operator/controlplane
readonly built=$root/$kubernetes-$etcd downloaded=$root/envtest-$minor_release lock=$root/.lock

trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

folder=""
prepare_core
[[ -z $extras ]] || add_extras
echo "$folder"
