#!/usr/bin/env bash
# Drives one route of Longest6 v2 and scores it.
#   bash scripts/eval_longest6.sh [ROUTES.xml] [OPTIONS OF lead drive ...]
# Without ROUTES.xml it is data/benchmark_routes/longest6/00.xml.
# Variables, with their defaults:
#   CHECKPOINT   outputs/checkpoints/tfv6_resnet34
#   AGENT        empty; a named agent instead of a checkpoint, such as autopilot
#   OUTPUT_DIR   outputs/local_evaluation/<name of the route file>
#   TIMEOUT      60 (seconds)
set -euo pipefail
exec bash "$(dirname -- "${BASH_SOURCE[0]}")/eval_route.sh" \
  longest6/00.xml tfv6_resnet34 60 "--profile longest6" "$@"
