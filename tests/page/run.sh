#!/usr/bin/env bash
# Uses the server's page in headless Chromium, with answers that are prescribed. Needs Debian's
# chromium, Node 20 with npm, and the npm registry. Another browser: CHROMIUM=/path/to/chrome.
#   tests/page/run.sh [BUILD]    BUILD: the build's directory; build/release without it
#   FATHOM_PICTURE=$PWD/docs/images/page.png tests/page/run.sh    takes the README's picture, too
set -euo pipefail
build=$(realpath "${1:-$(dirname "$0")/../../build/release}")
cd "$(dirname "$0")"

npm install --no-save --ignore-scripts --no-audit --no-fund --loglevel=error
export FATHOM_SCRIPTED_SERVE=$build/tests/scripted_serve
node --test --test-concurrency=1 --test-reporter=spec ./*.test.mjs
