#!/bin/sh
# Takes a picture of a status page that is running. With a STATE such as "cooling" it waits until a backend is in it, with
# a HEIGHT it takes the top of the page.
# Needs Node.js and Chromium.
set -eu
if [ -z "${1-}" ] || [ -z "${2-}" ]; then
	echo 'picture.sh URL FILE.png [light|dark] [WIDTH] [STATE] [HEIGHT]' >&2
	exit 2
fi
case $2 in
/*) file=$2 ;;
*) file=$PWD/$2 ;;
esac
cd "$(dirname "$0")/../handler/npm"
CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || echo chromium)}
export CHROMIUM
[ -d node_modules/playwright-core ] || npm ci --loglevel=error
exec node page_picture.mjs "$1" "$file" "${3-light}" "${4-1280}" "${5-}" "${6-}"
