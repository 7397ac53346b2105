#!/bin/sh
# Fuzzes every fuzz target of the project for a while each: scripts/fuzz.sh [TIME], 30s by default.
set -eu
each=${1:-30s}
cd "$(dirname "$0")/.."
for package in $(go list ./handler/...); do
	for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
		echo "== $target ($each)"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$each" "$package"
	done
done
