#!/bin/sh
# Fetch the sources in third_party/ again and compare them with what is committed.
# Owns the list of vendored packages: name, version and SHA-256 of the archive each came
# from. `tools/vendor.sh` checks, `tools/vendor.sh --update` overwrites third_party/.
# pip checks the hash before anything else; of the unpacked archive nothing is run but the
# metadata step that pip itself insists on.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# vendor NAME PACKAGE==VERSION SHA256 FOLDER FILE...: files of the package's source archive.
vendor() {
  name=$1 package=$2 sha256=$3 folder=$4
  shift 4
  archive=$(echo "$package" | sed s/==/-/).tar.gz
  printf '%s --hash=sha256:%s\n' "$package" "$sha256" > "$work/requirements.txt"
  python3 -m pip download --quiet --no-deps --no-binary :all: \
    --require-hashes -r "$work/requirements.txt" -d "$work" >/dev/null 2>"$work/pip.log" || true
  if ! echo "$sha256  $work/$archive" | sha256sum --check --quiet; then
    cat "$work/pip.log" >&2
    exit 1
  fi
  tar -xzf "$work/$archive" -C "$work"
  from="$work/${archive%.tar.gz}/$folder"
  for file in "$@"; do
    if [ "$update" = --update ]; then
      mkdir -p "$(dirname "third_party/$name/$file")"
      cp "$from/$file" "third_party/$name/$file"
    fi
    cmp "$from/$file" "third_party/$name/$file"
  done
  echo "third_party/$name equals $archive"
}
update=${1:-}

# llhttp 9.4.3 (MIT) lies unchanged in the source archive of the Python package httptools.
vendor llhttp httptools==0.9.0 d484ebb7e3a3f3597b0f645fbd1b85633674ca808c1f5ba11c2caf7c66f5c8b6 \
  vendor/llhttp LICENSE include/llhttp.h src/api.c src/http.c src/llhttp.c
# yyjson 0.10.0 (MIT) lies unchanged in that of the Python package yyjson.
vendor yyjson yyjson==4.0.6 fcd4dc15c1e39a30bf9fa85d56903029111506860fc3080ab0d81c6c6dacaa8c \
  yyjson yyjson.h yyjson.c
