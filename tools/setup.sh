#!/usr/bin/env bash
# Installs the Debian 12 packages that are missing. Nothing happens where nothing is missing.
#   tools/setup.sh         what building, testing and running need
#   tools/setup.sh --gate  and what .ci/run needs on top: clang, its sanitizers, clang-format
set -euo pipefail

packages=(make g++ cmake ninja-build pkg-config nlohmann-json3-dev libfmt-dev libpcre2-dev
  libcli11-dev libedit-dev liburing-dev libxxhash-dev libssl-dev
  libboost1.81-dev libtomlplusplus-dev libgtest-dev libgmock-dev)
if [[ ${1:-} == --gate ]]; then
  packages+=(git python3 clang clang-format libclang-rt-14-dev)
elif [[ $# -gt 0 ]]; then
  echo "setup.sh: unknown argument \"$1\"; there is --gate" >&2
  exit 2
fi

is_installed() {
  [[ $(dpkg-query --show --showformat='${db:Status-Abbrev}' "$1" 2>/dev/null) == ii* ]]
}

if ! command -v dpkg-query >/dev/null; then
  echo "setup.sh: this is not Debian; install the equivalents of: ${packages[*]}" >&2
  exit 1
fi
missing=()
for package in "${packages[@]}"; do
  is_installed "$package" || missing+=("$package")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

as_root=()
if [[ $(id -u) -ne 0 ]]; then
  if ! command -v sudo >/dev/null; then
    echo "setup.sh: as root, run: apt-get install --yes ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "setup.sh: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install --yes --no-install-recommends -qq "${missing[@]}"
