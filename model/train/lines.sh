#!/usr/bin/env bash
# The lines of training and their token ids, on all cores: one shard of lines a seed, 7 and on.
# Owns how many there are; the lines are recipe.py's, the ids encode.py's.
#   lines.sh DATA TAGGED BASE.gguf OUT [SHARDS [LINES]]     -> OUT/7.npz, OUT/8.npz, ... for train.py
# OUT/SEED.log has each shard's kinds and mistakes and the SHA-256 of its lines. What is there
# already is not made again. $PYTHON: one with numpy and tokenizers (default: python3)
set -euo pipefail
[ $# -ge 4 ] || { sed -n '2,7p' "$0"; exit 2; }
data=$1 tagged=$2 base=$3 out=$4 shards=${5:-16} lines=${6:-150000}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$out"
shard() {
  local to=$out/$1
  [ ! -s "$to.npz" ] || return 0
  python3 "$here/../data/recipe.py" --data "$data" --tagged "$tagged" --out "$to" \
    --lines "$lines" --seed "$1" >"$to.log"
  sha256sum "$to/train.tsv" >>"$to.log"
  "${PYTHON:-python3}" "$here/encode.py" "$base" "$to/train.tsv" "$to.part.npz" >>"$to.log"
  rm -r "$to"
  mv "$to.part.npz" "$to.npz"
}
export data tagged base out lines here
export -f shard
export TOKENIZERS_PARALLELISM=false OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
seq 7 $((6 + shards)) | xargs -P "$(nproc)" -I{} bash -euo pipefail -c 'shard {}'
cat "$out"/*.log | grep -E 'rows, [0-9]+ tokens'
