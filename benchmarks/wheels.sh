#!/bin/sh
# Fetch what a GPU machine with torch and the usual scientific packages lacks, as wheels:
#   benchmarks/wheels.sh [PYTHON_VERSION]
# They go to benchmarks/out/wheels, which git ignores; benchmarks/gpu.sh unpacks them where it runs.
set -eu
cd "$(dirname "$0")/.."
version=${1:-3.12}
folder=benchmarks/out/wheels
rm -rf "$folder"
mkdir -p "$folder"
names="annotated-types click filelock platformdirs pydantic pydantic-core rich tomlkit
execnet pytest-xdist tree-sitter tree-sitter-toml typing-extensions typing-inspection"
# Nothing else of the project needs it, so no constraint names it.
pins="pytest-timeout==2.4.0"
for name in $names; do
    pins="$pins $(grep "^$name==" constraints.txt)"
done
# No wheel's own needs are fetched: the list above is complete, and torch must stay as it is there.
# shellcheck disable=SC2086 # one word a pin
"${PYTHON:-python3}" -m pip download --quiet --no-deps --only-binary=:all: \
    --python-version "$version" --implementation cp \
    --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 \
    --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
    --platform manylinux1_x86_64 --dest "$folder" $pins
ls "$folder"
