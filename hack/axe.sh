#!/usr/bin/env bash
# Prints the path of axe.min.js, which finds what a page keeps from persons with disabilities.
# It uses the first of: the file that AXE names; the user's cache directory; npm, which installs the version of
# test/console/axe/package-lock.json into the cache, 3 MB in a few seconds.
# Exits with 3 if this machine has no way to get it.
set -euo pipefail

say() { echo "axe: $*" >&2; }
die() { say "$*"; exit 1; }
absent() { say "$*: put axe.min.js of axe-core somewhere, and name it in AXE"; exit 3; }

if [[ -n ${AXE:-} ]]; then
  [[ -r $AXE ]] || die "AXE names $AXE, which cannot be read"
  echo "$AXE"
  exit
fi

readonly locked="$(dirname "${BASH_SOURCE[0]}")/../test/console/axe"
readonly root="${XDG_CACHE_HOME:-$HOME/.cache}/cloudsso-operator/axe"
folder="$root/$(cksum <"$locked/package-lock.json" | cut -d' ' -f1)"
readonly folder script="$folder/node_modules/axe-core/axe.min.js"
if [[ -r $script ]]; then
  echo "$script"
  exit
fi

command -v npm >/dev/null || absent "there is no npm to get axe-core with"
mkdir -p "$root"
unfinished=$(mktemp -d "$root/.install.XXXXXX")
trap 'rm -rf "$unfinished"' EXIT
cp "$locked"/package*.json "$unfinished"
say "installing axe-core with npm"
npm ci --prefix "$unfinished" --ignore-scripts --no-audit --no-fund --silent >&2 || absent "npm cannot install axe-core"
# Another call may have been faster. Its folder is as good.
mv -T "$unfinished" "$folder" 2>/dev/null || [[ -r $script ]] || die "$folder cannot be replaced: delete it, and try again"
echo "$script"
