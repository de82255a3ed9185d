#!/usr/bin/env bash
# Installs the Debian 12 packages that are missing. Nothing happens where nothing is missing.
#   tools/setup.sh          what building and running need
#   tools/setup.sh --train  and what training and "make test" need on top: LibTorch, OpenBLAS,
#                           and the text that configs/default.toml reads (130 MB to fetch, 560 MB on disk)
#   tools/setup.sh --gate   and what .ci/run needs beyond that: clang, its sanitizers, clang-format,
#                           a browser, and what builds and examines the Debian package
set -euo pipefail

packages=(make g++ cmake ninja-build pkg-config nlohmann-json3-dev libfmt-dev libpcre2-dev
  libcli11-dev libedit-dev liburing-dev libxxhash-dev libssl-dev
  libboost1.81-dev libtomlplusplus-dev libgtest-dev libgmock-dev json-schema-test-suite)
train_packages=(libtorch-dev libopenblas0-pthread developers-reference)
gate_packages=(git python3 clang clang-format libclang-rt-14-dev chromium dpkg-dev file lintian man-db
  mandoc groff-base systemd zsh fish)
case ${1:-} in
  '') ;;
  --train) packages+=("${train_packages[@]}") ;;
  --gate) packages+=("${train_packages[@]}" "${gate_packages[@]}") ;;
  *)
    echo "setup.sh: unknown argument \"$1\"; there are --train and --gate" >&2
    exit 2
    ;;
esac

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
