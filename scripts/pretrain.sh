#!/usr/bin/env bash
# Pre-training (perception) on one device.
#   bash scripts/pretrain.sh [KEY=VALUE ...]
# Variables, with their defaults:
#   LOGDIR   outputs/local_training/pretrain
# Ctrl-C and SIGTERM save; the same command with --resume goes on.
set -euo pipefail
repository="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
python="${LEAD_PYTHON:-$repository/.venv/bin/python}"
cd "$repository"
export OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS:-1}"
exec "$python" lead/training/train.py "logdir=${LOGDIR:-outputs/local_training/pretrain}" "$@"
