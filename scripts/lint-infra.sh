#!/bin/sh
# Checks everything about the infrastructure that can be checked without Azure. Any finding, a warning too, ends it
# with 1. Needs bicep, xmllint and shellcheck; checkov where it is installed (with CI=true: always).
set -eu
cd "$(dirname "$0")/.."

failed=0
fail() {
  printf 'lint-infra: %s\n' "$*" >&2
  failed=1
}

need() {
  command -v "$1" >/dev/null 2>&1 || {
    printf 'lint-infra: %s is not on PATH: %s\n' "$1" "$2" >&2
    exit 1
  }
}
need bicep 'https://learn.microsoft.com/azure/azure-resource-manager/bicep/install'
need xmllint 'Debian: libxml2-utils'
need shellcheck 'Debian: shellcheck'

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp -R infra "$scratch/infra"

# The compiler's exit code knows errors only; any word that it says is a finding.
quiet() {
  what=$1
  shift
  (cd "$scratch" && "$@") >"$scratch/said" 2>&1 || failed=1
  if [ -s "$scratch/said" ]; then
    cat "$scratch/said" >&2
    fail "$what"
  fi
  echo "$what: done"
}

quiet 'bicep format' bicep format --pattern 'infra/**/*.bicep*'
diff -r infra "$scratch/infra" || fail 'not formatted; run: bicep format --pattern "infra/**/*.bicep*"'
quiet 'bicep lint' bicep lint --pattern 'infra/**/*.bicep'
quiet 'bicep build' bicep build infra/main.bicep
quiet 'bicep build-params' bicep build-params --pattern 'infra/snapshots/*.bicepparam'
scripts/snapshots.sh validate || fail 'bicep snapshot'
xmllint --noout infra/policies/*.xml || fail 'xmllint'
shellcheck scripts/*.sh || fail 'shellcheck'
echo 'xmllint, shellcheck: done'

# checkov reads neither this Bicep nor expressions, so it gets the snapshots, as the templates that they amount to.
skipped() {
  awk -v where="$1" '!/^#/ && $2 ~ where { print $1 }' infra/checkov-answers.txt | paste -sd, -
}

# template SNAPSHOT: the snapshot as a template.
template() {
  printf '{"%s": "%s", "contentVersion": "1.0.0.0",' \
    "\$schema" https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#
  sed -e '1s/{//' -e 's/^  "predictedResources"/  "resources"/' -e 's/^  "outputs"/  "unread"/' \
    "infra/snapshots/$1.snapshot.json"
}

# scan NAME SNAPSHOTS WHERE: scans the snapshots but for the checks that infra/checkov-answers.txt answers.
scan() {
  mkdir "$scratch/$1"
  for snapshot in $2; do
    template "$snapshot" >"$scratch/$1/$snapshot.json"
  done
  checkov --compact --skip-download --framework arm --directory "$scratch/$1" --skip-check "$(skipped "$3")" \
    >"$scratch/said" 2>&1 || {
    grep -A 2 'FAILED' "$scratch/said" >&2
    fail "checkov, $1"
  }
  grep '^Passed checks' "$scratch/said" | sed "s/^/checkov, $1: /"
}

if command -v checkov >/dev/null 2>&1; then
  scan open 'default three-instances entra alerts' '^(always|default)$'
  scan isolated network-isolation '^always$'
elif [ "${CI:-}" = true ]; then
  fail 'checkov is not on PATH (pip install checkov)'
else
  echo 'checkov: SKIPPED, not on PATH (pip install checkov)' >&2
fi

exit "$failed"
