#!/usr/bin/env bash
# Post-training (perception and planning) on all GPUs of this machine, one process each.
#   bash scripts/posttrain_ddp.sh [KEY=VALUE ...]
# Variables, with their defaults:
#   NPROC    number of GPUs (2 without any, on the CPU)
#   LOGDIR   outputs/local_training/posttrain
#   LOAD_FILE   outputs/local_training/pretrain/model_0030.pth
set -euo pipefail
repository="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
# The same processes as in pre-training, with other words.
export LOGDIR="${LOGDIR:-outputs/local_training/posttrain}"
exec bash "$repository/scripts/pretrain_ddp.sh" \
  "load_file=${LOAD_FILE:-outputs/local_training/pretrain/model_0030.pth}" use_planning_decoder=true "$@"
