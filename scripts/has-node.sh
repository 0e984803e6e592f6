#!/usr/bin/env bash
# Whether there is a Node that can build the page.
node -e 'const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)' 2> /dev/null && command -v npm > /dev/null
