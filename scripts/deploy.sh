#!/bin/sh
# Creates everything with the Azure CLI and publishes the handler, for people who use az and not azd.
# Windows: go run ./handler/cmd/gateway deploy
set -eu
cd "$(dirname "$0")/.."
exec go run ./handler/cmd/gateway deploy "$@"
