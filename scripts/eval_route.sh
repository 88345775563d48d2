#!/usr/bin/env bash
# What the scripts eval_<benchmark>.sh have in common: drives one route with `lead drive`.
#   bash scripts/eval_route.sh ROUTES CHECKPOINT TIMEOUT "BENCHMARK OPTIONS" [OTHER_ROUTES.xml] [MORE OPTIONS ...]
# Defaults lie in the project; paths that the user gives are relative to where the user is.
set -euo pipefail
# shellcheck source=scripts/main.sh
source "$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)/main.sh"

routes="$LEAD_PROJECT_ROOT/data/benchmark_routes/$1"
checkpoint="${CHECKPOINT:-$LEAD_PROJECT_ROOT/outputs/checkpoints/$2}"
timeout="${TIMEOUT:-$3}"
read -ra benchmark <<<"$4"
shift 4
if [[ $# -gt 0 && $1 != -* ]]; then
  routes="$1"
  shift
fi
if [[ -n ${AGENT:-} ]]; then driver=(--agent "$AGENT"); else driver=(--checkpoint "$checkpoint"); fi
exec "$LEAD" drive "${driver[@]}" --routes "$routes" "${benchmark[@]}" --timeout "$timeout" \
  --output-dir "${OUTPUT_DIR:-$LEAD_PROJECT_ROOT/outputs/local_evaluation/$(basename -- "$routes" .xml)}" "$@"
