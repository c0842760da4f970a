#!/usr/bin/env bash
# Prints the folder that holds prometheus and promtool.
# It uses the first of: the folder that PROMETHEUS_ASSETS names; the user's cache directory; Debian's package prometheus,
# which it unpacks into the cache without installing it. A build from the Go module takes half an hour.
# Exits with 3 if this machine has no way to get it.
set -euo pipefail

say() { echo "prometheus: $*" >&2; }
die() { say "$*"; exit 1; }
absent() { say "$*: put prometheus and promtool into a folder, and name it in PROMETHEUS_ASSETS"; exit 3; }

holds() { [[ -x $1/prometheus && -x $1/promtool ]]; }

if [[ -n ${PROMETHEUS_ASSETS:-} ]]; then
  holds "$PROMETHEUS_ASSETS" || die "PROMETHEUS_ASSETS names $PROMETHEUS_ASSETS, which does not hold prometheus and promtool"
  (cd "$PROMETHEUS_ASSETS" && pwd)
  exit
fi

release=$([[ ! -r /etc/os-release ]] || (. /etc/os-release; echo "${ID:-}-${VERSION_ID:-}"))
readonly root="${XDG_CACHE_HOME:-$HOME/.cache}/cloudsso-operator/prometheus"
readonly folder="$root/${release:-unknown}-$(uname -m)/usr/bin"
if holds "$folder"; then
  echo "$folder"
  exit
fi

for program in apt-get dpkg; do
  command -v "$program" >/dev/null ||
    absent "there is no $program to get Debian's package with"
done
mkdir -p "$root"
unfinished=$(mktemp -d "$root/.unpack.XXXXXX")
trap 'rm -rf "$unfinished"' EXIT
say "downloading Debian's package prometheus, about 20 MB"
(cd "$unfinished" && { apt-get -qq download prometheus || { apt-get -qq update && apt-get -qq download prometheus; }; }) >&2 ||
  absent "apt-get cannot download the package"
dpkg -x "$unfinished"/prometheus_*.deb "$unfinished/unpacked"
holds "$unfinished/unpacked/usr/bin" || die "the package does not hold prometheus and promtool"
# Another call may have been faster. Its folder is as good.
mv -T "$unfinished/unpacked" "${folder%/usr/bin}" 2>/dev/null || holds "$folder" ||
  die "${folder%/usr/bin} does not hold the programs, and cannot be replaced: delete it, and try again"
echo "$folder"
