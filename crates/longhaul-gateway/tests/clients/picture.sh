#!/bin/sh
# Asks for one picture with curl, and writes its bytes: picture.sh BASE_URL FILE KEY
set -eu
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
set -- "$1" "$2" "${3:--}"
if [ "$3" = - ]; then set -- "$1" "$2"; else set -- "$1" "$2" -H "Idempotency-Key: $3"; fi
base=$1 file=$2
shift 2
curl -sS --fail-with-body -o "$answer" "$base/v1/images/generations" -H 'Content-Type: application/json' "$@" \
    -d '{"model": "nano-banana-pro", "prompt": "a cat", "size": "4096x4096"}'
# The one long text in the answer is the picture.
sed -e 's/.*"b64_json" *: *"\([^"]*\)".*/\1/' "$answer" | tr -d '\n' | base64 -d > "$file"
