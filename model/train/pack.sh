#!/usr/bin/env bash
# What a bare CUDA machine without a network needs to make the lines and train, cut into parts for
# machines that take files only in small loads; prints the commands to run there. Owns no recipe.
#   pack.sh BASE.gguf DATA TAGGED fix.dev.tsv OUT   -> OUT/part1/piece, OUT/part2/piece, ...
# DATA, TAGGED: as recipe.py takes them. $PART: a part's size, default 52M.
set -euo pipefail
[ $# -eq 5 ] || { sed -n '2,6p' "$0"; exit 2; }
base=$1 data=$2 tagged=$3 dev=$4 out=$5
model=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/pack/model" "$out"
cp -r "$model/data" "$model/train" "$work/pack/model/"
rm -rf "$work"/pack/model/*/__pycache__
cp -rL "$data" "$work/pack/data"
cp -rL "$tagged" "$work/pack/tagged"
cp "$dev" "$work/pack/dev.tsv"
tar -C "$work/pack" -cf - . | xz -T0 -4 >"$work/sources.tar.xz"
cp "$base" "$work/base.gguf"
(cd "$work" && sha256sum sources.tar.xz base.gguf >SHA256SUMS)
rm -rf "$out"/part*
tar -C "$work" -cf - SHA256SUMS sources.tar.xz base.gguf |
  split -b "${PART:-52M}" -a 1 --numeric-suffixes=1 - "$work/piece."
for piece in "$work"/piece.?; do
  mkdir -p "$out/part${piece##*.}"
  mv "$piece" "$out/part${piece##*.}/piece"
done
du -m "$out"/part?/piece
cat <<'COMMANDS'
there, with all parts in PARTS and results wanted in OUT:
  mkdir -p /tmp/pack && cat PARTS/part?/piece | tar -xf - -C /tmp/pack && cd /tmp/pack &&
  sha256sum -c --quiet SHA256SUMS && tar -xf sources.tar.xz &&
  model/train/lines.sh data tagged base.gguf lines &&
  python3 model/train/train.py --base base.gguf --data lines --dev dev.tsv --out OUT \
    --state /tmp/state --minutes 8 --variant ...
COMMANDS
