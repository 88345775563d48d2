#!/usr/bin/env bash
# Post-training (perception and planning) on one device, from the weights of a pre-training.
#   bash scripts/posttrain.sh [KEY=VALUE ...]
# Variables, with their defaults:
#   LOGDIR      outputs/local_training/posttrain
#   LOAD_FILE   outputs/local_training/pretrain/model_0030.pth
set -euo pipefail
repository="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
python="${LEAD_PYTHON:-$repository/.venv/bin/python}"
cd "$repository"
export OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS:-1}"
exec "$python" lead/training/train.py "logdir=${LOGDIR:-outputs/local_training/posttrain}" \
  "load_file=${LOAD_FILE:-outputs/local_training/pretrain/model_0030.pth}" use_planning_decoder=true "$@"
