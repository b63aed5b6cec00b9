#!/bin/bash
# Everything that only a GPU can tell, in two calls of at most 570 and 150 seconds:
#   benchmarks/gpu.sh [1|2] [FOLDER]        (1 by default; or FOLDER in $OUT; benchmarks/out/gpu)
#
# Before, where there is a network (both folders are ignored by git and must travel along):
#   benchmarks/wheels.sh                                           # to benchmarks/out/wheels
#   cp WHERE_IT_IS/cifar10-jpeg.tar.xz benchmarks/out/             # or name it in VGGSTUDY_IMAGES
# On the machine with the GPU, whose python3 has torch, torchvision and pytest:
#   benchmarks/gpu.sh 1 FOLDER
#   benchmarks/gpu.sh 2 FOLDER
#
# Call 1: versions and ceilings, and a recorded against a single run, 45 s together once the machine
# is warm (if recording fails, steps are not recorded in what follows); the tests in tests/gpu, 105 s;
# bit gates at width 1, 60 s; fused kernels beside torch's, 40 s; steady state against the baselines,
# 150 s; the rest of the time, some 190 s, 24 runs of the reference study. Call 2 finishes those runs
# and compares processes. Nothing is downloaded.
#
# Each section has a limit of its own and is killed 10 s after it; no failure, hang or crash of one
# stops the next. FOLDER holds, as they come: results.jsonl (every figure), results.md (its tables;
# begin there), tests.txt, log.txt (what the sections said) and study.tar.gz (the study without its
# checkpoints). Exit status 0 if every section of the call passed, 1 if one did not, 3 if there is
# no device.
#
# What has passed is not repeated: the same call goes on. It does so from benchmarks/out/gpu-state;
# to go on elsewhere, put the files of FOLDER there. Remove it to measure anew.
#
# GPU_SCALE=0.3 scales every limit, GPU_EPOCHS=10 sets the study's epochs, GPU_TEST_WORKERS=4 the
# processes of the tests; GPU_GRAPHS=0 records no steps. For trials of this script without a
# device: GPU_TRIAL=steady=hang,bits=crash replaces sections by one that ignores signals and by one
# that crashes, and GPU_STUDY_SET=model.width=0.25,... changes the study further.
set -u
GPU_BEGUN=${EPOCHREALTIME/[.,]*/}
cd "$(dirname "$0")/.." || exit 1
call=1
case ${1:-} in
    1 | 2)
        call=$1
        shift
        ;;
esac
folder=${1:-${OUT:-benchmarks/out/gpu}}
state=${GPU_STATE:-$PWD/benchmarks/out/gpu-state}
python=${PYTHON:-python3}
mkdir -p "$folder" "$state" || exit 1

site=$state/site
if ls benchmarks/out/wheels/*.whl >/dev/null 2>&1 && [ ! -e "$site/complete" ]; then
    for wheel in benchmarks/out/wheels/*.whl; do
        "$python" -m zipfile -e "$wheel" "$site" || exit 1
    done
    touch "$site/complete"
fi
export GPU_STATE=$state
export PYTHONPATH=$PWD/benchmarks:$site:$PWD${PYTHONPATH:+:$PYTHONPATH}
export PYTHONUNBUFFERED=1
export CUBLAS_WORKSPACE_CONFIG=:4096:8
export CUDA_DEVICE_MAX_CONNECTIONS=${CUDA_DEVICE_MAX_CONNECTIONS:-32}
export VGGSTUDY_CACHE=$state/cache
export TRITON_CACHE_DIR=${TRITON_CACHE_DIR:-$state/triton}

seconds=570
[ "$call" = 2 ] && seconds=150
limit=$("$python" -c "import sys; print(float(sys.argv[1]) * float(sys.argv[2]))" \
    "$seconds" "${GPU_SCALE:-1}") || exit 1
GPU_SPENT_S=$((${EPOCHREALTIME/[.,]*/} - GPU_BEGUN))
export GPU_SPENT_S
timeout -k 10 "$limit" "$python" -m gpu "$call" "$folder"
