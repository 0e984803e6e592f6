#!/usr/bin/env bash
# Builds the page into web/dist. Where that cannot be done the API runs without it, and this says what is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/target/tools/bin:$PATH"
if ! scripts/has-node.sh; then
    echo "no page: it takes Node 20.19 or newer (https://nodejs.org, or python3 with venv and this again); the API runs without it" >&2
    exit 0
fi
make --no-print-directory page || echo "no page: it could not be built; the API runs without it" >&2
