#!/bin/sh
# Writes what Azure would be asked to create for each parameter file in infra/snapshots, or, as "snapshots.sh validate",
# compares it with what is committed there. Needs bicep.
set -eu
cd "$(dirname "$0")/../infra/snapshots"

mode=${1:-overwrite}
case $mode in
overwrite | validate) ;;
*)
  echo "usage: $0 [overwrite|validate]" >&2
  exit 2
  ;;
esac

failed=0
for file in *.bicepparam; do
  # Any tenant, subscription and region will do, as long as they stay the same.
  if bicep snapshot "$file" --mode "$mode" \
    --tenant-id 00000000-0000-0000-0000-0000000000ff \
    --subscription-id 00000000-0000-0000-0000-000000000001 \
    --location westeurope; then
    echo "$file: $mode done"
  else
    echo "$file: differs from the committed snapshot, or does not compile. Where the change is meant: scripts/snapshots.sh" >&2
    failed=1
  fi
done
exit "$failed"
