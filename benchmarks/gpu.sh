#!/bin/bash
# Everything that only a GPU can tell, in one command of at most 9 minutes:
#   benchmarks/gpu.sh [FOLDER]        (or FOLDER in $OUT; benchmarks/out/gpu by default)
# runs the tests in tests/gpu, profiles one step of every batch size, and compares training with the
# baselines. What is finished is not repeated: call it again until it says that all is done. Its
# state is one file, FOLDER/state.tar.gz; put it at benchmarks/out/state.tar.gz to go on elsewhere.
# Needs python3 with torch, torchvision and pytest; wheels of the rest from benchmarks/wheels.sh.
set -u
cd "$(dirname "$0")/.." || exit 1
begun=$SECONDS
limit=${GPU_SECONDS:-530}
folder=${1:-${OUT:-benchmarks/out/gpu}}
state=benchmarks/out/gpu-state
mkdir -p "$folder" "$state"
if [ -f benchmarks/out/state.tar.gz ] && [ -z "$(ls -A "$state")" ]; then
    tar -xzf benchmarks/out/state.tar.gz -C "$state"
fi

left() { echo $((limit - (SECONDS - begun))); }

site=$state/site
if ls benchmarks/out/wheels/*.whl >/dev/null 2>&1 && [ ! -d "$site" ]; then
    for wheel in benchmarks/out/wheels/*.whl; do
        python3 -m zipfile -e "$wheel" "$site" || exit 1
    done
fi
export PYTHONPATH=$PWD/$site:$PWD${PYTHONPATH:+:$PYTHONPATH}
export CUBLAS_WORKSPACE_CONFIG=:4096:8
export PYTHONUNBUFFERED=1
export VGGSTUDY_CACHE=$PWD/$state/cache

keep() { # put the results, and the state without what can be made again, into the folder
    cp "$state"/*.txt "$state"/*.md "$state"/*.json "$folder"/ 2>/dev/null
    cp "$state"/training/cuda/training.* "$folder"/ 2>/dev/null
    tar -czf "$folder/state.tar.gz" -C "$state" --exclude=./site --exclude=./cache .
}
trap keep EXIT

python3 -c 'import sys, torch; sys.exit(None if torch.cuda.is_available() else "no CUDA device")' || exit 3

if [ ! -e "$state/tests.done" ]; then
    timeout --signal=INT $(($(left) - 20)) python3 -m pytest tests/gpu -q -p no:cacheprovider \
        2>&1 | tee "$state/tests.txt"
    status=${PIPESTATUS[0]}
    case $status in
        0) touch "$state/tests.done" ;;
        124) echo "The tests did not end in time; the next call begins them again." ;;
        # What failed is told and not repeated: the rest is worth having too.
        *) echo "exit status $status" >"$state/tests.done" ;;
    esac
fi

if [ ! -e "$state/profile.done" ] && [ "$(left)" -gt 60 ]; then
    timeout $(($(left) - 20)) python3 benchmarks/profile_step.py --device cuda --out "$state" \
        >"$state/profile.txt" 2>&1 && touch "$state/profile.done"
    tail -n 40 "$state/profile.txt"
fi

finished=no
if [ "$(left)" -gt 60 ]; then
    # Parts begin up to two minutes before the end; one that takes longer is begun again.
    minutes=$(python3 -c "print(max(0.1, ($(left) - 120) / 60))")
    timeout --signal=INT $(($(left) - 15)) python3 benchmarks/training.py --device cuda \
        --minutes "$minutes" --out "$state/training" 2>"$state/training-messages.txt"
    status=$?
    cat "$state/training-messages.txt"
    if [ $status -eq 0 ] && ! grep -q "Time is up" "$state/training-messages.txt"; then
        finished=yes
    fi
fi

[ -s "$state/tests.done" ] && echo "Tests failed: see tests.txt." && exit 1
if [ $finished = yes ] && [ -e "$state/tests.done" ] && [ -e "$state/profile.done" ]; then
    echo "All is done."
    exit 0
fi
echo "Call again to go on."
exit 4
