#!/usr/bin/env bash
# Soaks the server with the bundled model: many clients, one very long session, kills, a full disk.
# Needs Python 3.11, and as root fills a file system of its own. docs/soak.md says what has to hold.
#   tests/soak/run.sh [--short | --record] [BUILD]
#     --short   a minute, for .ci/run; without it half an hour
#     --record  writes docs/soak.md
#     BUILD     the build's directory; build/release without it
set -euo pipefail
flags=()
if [[ ${1:-} == --* ]]; then
  flags=("$1")
  shift
fi
root=$(realpath "$(dirname "$0")/../..")
program=$(realpath "${1:-$root/build/release}")/bin/fathom
cd "$root/tests/soak"

python3 -B soak_test.py
# What is mounted ends with the process, however that ends.
isolated=()
if unshare --mount true 2>/dev/null; then isolated=(unshare --mount); fi
exec "${isolated[@]}" python3 -B soak.py "$program" "$root/models/default" "${flags[@]}"
