#!/usr/bin/env bash
# Prints the path of a Chromium, which the tests of the console drive.
# It uses the first of: the program that CHROMIUM names; a Chromium or Chrome in PATH; Debian's package chromium, which it installs,
# because it needs some eighty libraries of other packages.
# Exits with 3 if this machine has no way to get it.
set -euo pipefail

say() { echo "chromium: $*" >&2; }
die() { say "$*"; exit 1; }
absent() { say "$*: install a Chromium or Chrome, and name its program in CHROMIUM"; exit 3; }

if [[ -n ${CHROMIUM:-} ]]; then
  [[ -x $CHROMIUM ]] || die "CHROMIUM names $CHROMIUM, which is no program"
  echo "$CHROMIUM"
  exit
fi
for name in chromium chromium-browser google-chrome-stable google-chrome; do
  if command -v "$name"; then
    exit
  fi
done

command -v apt-get >/dev/null || absent "there is no apt-get to install Debian's package with"
[[ $(id -u) == 0 ]] || absent "only root can install Debian's package"
say "installing Debian's package chromium: about 125 MB to download, and 415 MB on disk"
install=(apt-get -qq install --yes --no-install-recommends chromium fonts-dejavu-core)
export DEBIAN_FRONTEND=noninteractive
{ "${install[@]}" || { apt-get -qq update && "${install[@]}"; }; } >&2 || absent "apt-get cannot install the package"
command -v chromium || die "the package does not hold the program chromium"
