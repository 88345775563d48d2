#!/usr/bin/env bash
# Drives one route of Fail2Drive and scores it.
#   bash scripts/eval_fail2drive.sh [ROUTES.xml] [OPTIONS OF lead drive ...]
# Without ROUTES.xml it is data/benchmark_routes/fail2drive/Generalization_Animals_1075.xml.
# Variables, with their defaults:
#   CHECKPOINT   outputs/checkpoints/tfv6_regnety
#   AGENT        empty; a named agent instead of a checkpoint, such as autopilot
#   OUTPUT_DIR   outputs/local_evaluation/<name of the route file>
#   TIMEOUT      120 (seconds)
#   CARLA_F2D    3rd_party/CARLA_F2D, the benchmark's own build of CARLA
#   LEAD_CLOSED_LOOP_CONFIG   the three heuristics of the published numbers
set -euo pipefail
heuristics="sensor_agent_creeping=True use_kalman_filter=True slower_for_stop_sign=True"
export LEAD_CLOSED_LOOP_CONFIG="${LEAD_CLOSED_LOOP_CONFIG-$heuristics}"
exec bash "$(dirname -- "${BASH_SOURCE[0]}")/eval_route.sh" \
  fail2drive/Generalization_Animals_1075.xml tfv6_regnety 120 "--fail2drive" "$@"
