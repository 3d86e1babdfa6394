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
mode=${1:-}

# fetch PACKAGE VERSION SHA256: the package's source archive, unpacked in $work
fetch() {
  archive=$1-$2.tar.gz
  printf '%s --hash=sha256:%s\n' "$1==$2" "$3" > "$work/requirements.txt"
  python3 -m pip download --quiet --no-deps --no-binary :all: \
    --require-hashes -r "$work/requirements.txt" -d "$work" >/dev/null 2>"$work/pip.log" || true
  if ! echo "$3  $work/$archive" | sha256sum --check --quiet; then
    cat "$work/pip.log" >&2
    exit 1
  fi
  tar -xzf "$work/$archive" -C "$work"
}

# same FROM TO: TO in third_party/ is FROM
same() {
  if [ "$mode" = --update ]; then
    mkdir -p "$(dirname "third_party/$2")"
    cp "$1" "third_party/$2"
  fi
  cmp "$1" "third_party/$2"
}

# llhttp 9.4.3 (MIT) lies unchanged in the source archive of the Python package httptools.
fetch httptools 0.9.0 d484ebb7e3a3f3597b0f645fbd1b85633674ca808c1f5ba11c2caf7c66f5c8b6
for file in LICENSE include/llhttp.h src/api.c src/http.c src/llhttp.c; do
  same "$work/httptools-0.9.0/vendor/llhttp/$file" "llhttp/$file"
done
echo "third_party/llhttp equals $archive"

# yyjson 0.10.0 (MIT) lies unchanged in that of the Python package yyjson; its licence is the head
# of its files.
fetch yyjson 4.0.6 fcd4dc15c1e39a30bf9fa85d56903029111506860fc3080ab0d81c6c6dacaa8c
for file in yyjson.c yyjson.h; do
  same "$work/yyjson-4.0.6/yyjson/$file" "yyjson/src/$file"
done
sed -n 2,20p "$work/yyjson-4.0.6/yyjson/yyjson.h" > "$work/LICENSE"
same "$work/LICENSE" yyjson/LICENSE
echo "third_party/yyjson equals $archive"
