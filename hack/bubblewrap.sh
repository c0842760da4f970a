#!/usr/bin/env bash
# Prints the path of bwrap, which runs a program in a file system of its own and without rights.
# It uses the first of: the program that BWRAP names; the one in PATH; the user's cache directory; Debian's package
# bubblewrap, which it unpacks into the cache without installing it.
set -euo pipefail

say() { echo "bubblewrap: $*" >&2; }
die() { say "$*"; exit 1; }

if [[ -n ${BWRAP:-} ]]; then
  [[ -x $BWRAP ]] || die "BWRAP names $BWRAP, which is no program"
  echo "$BWRAP"
  exit
fi
if command -v bwrap; then
  exit
fi

release=$([[ ! -r /etc/os-release ]] || (. /etc/os-release; echo "${ID:-}-${VERSION_ID:-}"))
readonly root="${XDG_CACHE_HOME:-$HOME/.cache}/cloudsso-operator/bubblewrap"
readonly program="$root/${release:-unknown}-$(uname -m)/bwrap"
if [[ -x $program ]]; then
  echo "$program"
  exit
fi

for needed in apt-get dpkg; do
  command -v "$needed" >/dev/null || die "there is no $needed to get Debian's package with: install bubblewrap, or name its program in BWRAP"
done
mkdir -p "$(dirname "$program")"
unfinished=$(mktemp -d "$root/.unpack.XXXXXX")
trap 'rm -rf "$unfinished"' EXIT
say "downloading Debian's package bubblewrap"
(cd "$unfinished" && { apt-get -qq download bubblewrap || { apt-get -qq update && apt-get -qq download bubblewrap; }; }) >&2 ||
  die "apt-get cannot download the package: install bubblewrap, or name its program in BWRAP"
dpkg -x "$unfinished"/bubblewrap_*.deb "$unfinished/unpacked"
# A concurrent call moves an equal program.
mv "$unfinished/unpacked/usr/bin/bwrap" "$program"
echo "$program"
