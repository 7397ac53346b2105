#!/bin/sh
# Calls the gateway, or with -url the local stack, and shows who answered.
# Windows: go run ./handler/cmd/gateway smoke
set -eu
cd "$(dirname "$0")/.."
exec go run ./handler/cmd/gateway smoke "$@"
