#!/bin/sh
# Deletes what deploy.sh created, and purges what would keep its name.
# Windows: go run ./handler/cmd/gateway teardown
set -eu
cd "$(dirname "$0")/.."
exec go run ./handler/cmd/gateway teardown "$@"
