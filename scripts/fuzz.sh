#!/bin/sh
# Fuzzes every fuzz target of the project for a while each: scripts/fuzz.sh [TIME], 30s by default.
set -eu
each=${1:-30s}
cd "$(dirname "$0")/.."
said=$(mktemp)
trap 'rm -f "$said"' EXIT

# fuzz TARGET PACKAGE
fuzz() {
	{ go test -run '^$' -fuzz "^$1\$" -fuzztime "$each" "$2" 2>&1 || echo 'it failed'; } | tee "$said"
	! grep -q '^it failed$' "$said"
}

# Before Go 1.27 the end of the time may itself be taken for a failure (https://go.dev/issue/75804): that, where no input was
# found to fail, is tried once more.
ranOut() { grep -q '^ *context deadline exceeded$' "$said" && ! grep -q 'Failing input' "$said"; }

for package in $(go list ./handler/...); do
	for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
		echo "== $target ($each)"
		fuzz "$target" "$package" || { ranOut && echo "== $target once more" && fuzz "$target" "$package"; }
	done
done
