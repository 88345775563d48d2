#!/usr/bin/env bash
# Drives one route of Bench2Drive and scores it.
#   bash scripts/eval_bench2drive.sh [ROUTES.xml] [OPTIONS OF lead drive ...]
# Without ROUTES.xml it is data/benchmark_routes/bench2drive/23687.xml.
# Variables, with their defaults:
#   CHECKPOINT   outputs/checkpoints/tfv6_resnet34
#   AGENT        empty; a named agent instead of a checkpoint, such as autopilot
#   OUTPUT_DIR   outputs/local_evaluation/<name of the route file>
#   TIMEOUT      60 (seconds)
set -euo pipefail
exec bash "$(dirname -- "${BASH_SOURCE[0]}")/eval_route.sh" \
  bench2drive/23687.xml tfv6_resnet34 60 "--bench2drive" "$@"
