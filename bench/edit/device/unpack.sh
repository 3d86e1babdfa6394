#!/usr/bin/env bash
# On the bare machine, once a call:  unpack.sh OUT STORE
# Puts the parts this call brought into STORE; an archive whose parts are all there is unpacked,
# the site always. Says what is still missing. As root: the GPU's loaders go to /.
set -euo pipefail
out=$(realpath "$1") store=$2
mkdir -p "$store/parts" "$store/www/model"
for part in "$out"/part*/*; do [ ! -e "$part" ] || mv "$part" "$store/parts/"; done
tar -C "$store/www" -xzf "$out/site/site.tar.gz"
cp "$out/site/measure.py" "$store/"
for name in own peers; do
  if [ -e "$store/$name.done" ] || [ ! -e "$out/site/$name.sha256" ]; then continue; fi
  if ! (cd "$store/parts" && sha256sum --quiet -c "$out/site/$name.sha256" >/dev/null 2>&1); then
    echo "unpack: $name: $(ls "$store/parts" | grep -c "^$name" || true) of $(wc -l < "$out/site/$name.sha256") parts are here"
    continue
  fi
  cat "$store/parts/$name".xz.* | xz -dc -T0 | tar -C "$store" -xf -
  if [ "$name" = own ]; then
    mv "$store/model/model.gguf" "$store/www/model/"
    if [ -z "${NO_LOADERS:-}" ]; then
      for deb in "$store"/gl/*.deb; do dpkg -x "$deb" /; done
      ldconfig
    fi
  else
    cp -r "$store/peers/." "$store/www/" && rm -r "$store/peers"
  fi
  rm "$store/parts/$name".xz.*
  touch "$store/$name.done"
  echo "unpack: $name is ready"
done
