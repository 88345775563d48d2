#!/usr/bin/env bash
# Drives one route of Town13 and scores it.
#   bash scripts/eval_town13.sh [ROUTES.xml] [OPTIONS OF lead drive ...]
# Without ROUTES.xml it is data/benchmark_routes/Town13/0.xml.
# Variables, with their defaults:
#   CHECKPOINT   outputs/checkpoints/tfv6_resnet34
#   AGENT        empty; a named agent instead of a checkpoint, such as autopilot
#   OUTPUT_DIR   outputs/local_evaluation/<name of the route file>
#   TIMEOUT      120 (seconds)
set -euo pipefail
exec bash "$(dirname -- "${BASH_SOURCE[0]}")/eval_route.sh" \
  Town13/0.xml tfv6_resnet34 120 "--profile town13" "$@"
