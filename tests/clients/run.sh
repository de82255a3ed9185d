#!/usr/bin/env bash
# Lets real clients talk to the server: SDKs and agents from npm, at the versions of
# package-lock.json, over loopback. Needs Node 20 with npm, and the npm registry.
#   tests/clients/run.sh [BUILD]    BUILD: the build's directory; build/release without it
set -euo pipefail
build=$(realpath "${1:-$(dirname "$0")/../../build/release}")
cd "$(dirname "$0")"

# Some clients have optional parts for other systems that not every mirror of the registry has, so
# that "npm ci" would call the lock file incomplete. Scripts of packages are not needed.
npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error
export FATHOM_SCRIPTED_SERVE=$build/tests/scripted_serve
node --test --test-concurrency=1 --test-reporter=spec ./*.test.mjs
