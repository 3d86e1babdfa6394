#!/usr/bin/env bash
# On the bare machine, once in each call that carried folders:  unpack_bench.sh OUT STORE
# Moves what this call brought into STORE; when everything is there, `measure.sh` can run.
set -euo pipefail
out=$1 store=$2
mkdir -p "$store"
for folder in "$out"/*/; do
  name=$(basename "$folder"); mkdir -p "$store/$name"
  cp -n "$folder"* "$store/$name/" 2>/dev/null || true
done
du -sh "$store"/*
