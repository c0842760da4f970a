#!/usr/bin/env bash
# Compares the Go benchmarks of two revisions: compare.sh OLD [NEW]. Without NEW it takes the working tree.
# Each of COUNT rounds runs both, so that other load on the machine slows down both. BENCH is a regexp.
set -euo pipefail

readonly old=$1 new=${2:-} count=${COUNT:-6} bench=${BENCH:-.}
readonly root=$(git rev-parse --show-toplevel)
readonly work=$root/bin/compare

rm -rf "$work"
mkdir -p "$work"

# check_out REVISION NAME copies the files of a revision. A worktree would leave traces in .git.
check_out() {
  local revision=$1 folder=$work/$2
  if [[ -z $revision ]]; then
    ln -s "$root" "$folder"
    return
  fi
  mkdir "$folder"
  git -C "$root" archive "$revision" | tar -x -C "$folder"
}

# run NAME appends a run of all benchmarks to NAME.txt.
run() {
  local folder packages
  folder=$(cd -P "$work/$1" && pwd)
  packages=$(cd "$folder" && grep -rl --include='*_test.go' --exclude-dir=bin '^func Benchmark' . | xargs -r -n 1 dirname | sort -u)
  [[ -n $packages ]] || { echo "$1 has no benchmarks" >&2; exit 1; }
  # shellcheck disable=SC2086 # packages are several words
  (cd "$folder" && go test -run '^$' -bench "$bench" -benchmem -p 1 $packages) >>"$work/$1.txt"
}

check_out "$old" old
check_out "$new" new
for ((round = 1; round <= count; round++)); do
  echo "round $round of $count" >&2
  run old
  run new
done
cd "$root"
go tool -modfile=hack/tools/go.mod benchstat "old=$work/old.txt" "new=$work/new.txt"
