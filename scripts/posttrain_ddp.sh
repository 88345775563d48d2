#!/usr/bin/env bash
# Post-training (perception and planning) on all GPUs of this machine, one process each.
#   bash scripts/posttrain_ddp.sh [KEY=VALUE ...]
# Variables, with their defaults:
#   NPROC    number of GPUs (2 without any, on the CPU)
#   LOGDIR   outputs/local_training/posttrain
#   LOAD_FILE   outputs/local_training/pretrain/model_0030.pth
set -euo pipefail
repository="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
python="${LEAD_PYTHON:-$repository/.venv/bin/python}"
cd "$repository"
if [[ -z "${NPROC:-}" ]]; then
  NPROC="$("$python" -c 'import torch; print(torch.cuda.device_count() or 2)')"
fi
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-$(( ($(nproc) + NPROC - 1) / NPROC ))}"
export OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS:-1}"
export PYTORCH_CUDA_ALLOC_CONF="${PYTORCH_CUDA_ALLOC_CONF:-expandable_segments:True}"
# A free port of its own, so that two trainings can share a machine.
exec "$python" -m torch.distributed.run --standalone --nproc-per-node "$NPROC" lead/training/train.py \
  "logdir=${LOGDIR:-outputs/local_training/posttrain}" \
  "load_file=${LOAD_FILE:-outputs/local_training/pretrain/model_0030.pth}" use_planning_decoder=true "$@"
