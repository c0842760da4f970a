#!/usr/bin/env bash
# hack/npm.sh FOLDER FILE prints the path of a file of the npm packages that FOLDER/package-lock.json names. They are kept in
# the user's cache directory, and installed there if they are missing, which takes seconds.
# Exits with 3 if this machine has no way to get them.
set -euo pipefail

readonly locked=$1 file=$2
say() { echo "npm.sh: $*" >&2; }
absent() { say "$locked: $*"; exit 3; }

readonly root="${XDG_CACHE_HOME:-$HOME/.cache}/cloudsso-operator/npm"
folder="$root/$(cksum <"$locked/package-lock.json" | cut -d' ' -f1)"
readonly folder path="$folder/node_modules/$file"
if [[ -r $path ]]; then
  echo "$path"
  exit
fi

command -v npm >/dev/null || absent "there is no npm to install its packages with"
mkdir -p "$root"
unfinished=$(mktemp -d "$root/.install.XXXXXX")
trap 'rm -rf "$unfinished"' EXIT
cp "$locked"/package*.json "$unfinished"
say "installing the packages of $locked"
npm ci --prefix "$unfinished" --ignore-scripts --no-audit --no-fund --silent >&2 || absent "npm cannot install its packages"
# Another call may have been faster. Its folder is as good.
mv -T "$unfinished" "$folder" 2>/dev/null || [[ -r $path ]] || { say "$folder cannot be replaced: delete it, and try again"; exit 1; }
echo "$path"
