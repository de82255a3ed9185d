#!/usr/bin/env bash
# Lets large agents work against the server and writes docs/clients.md's table: a gigabyte from npm, and
# some minutes. Needs Node 20 with npm, the npm registry, and the right to make a network namespace: after
# the installation there is nothing but loopback.
# With FATHOM_SILENCE=1 they also wait for seven minutes without a token.
#   tests/agents/run.sh [BUILD]    BUILD: the build's directory; build/release without it
set -euo pipefail
build=$(realpath "${1:-$(dirname "$0")/../../build/release}")
cd "$(dirname "$0")"

npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error
export FATHOM_SCRIPTED_SERVE=$build/tests/scripted_serve
unshare --map-root-user --net bash -c \
  'ip link set lo up && exec node --test --test-concurrency=1 --test-reporter=spec ./*.test.mjs'
