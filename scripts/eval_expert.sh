#!/usr/bin/env bash
# Drives the published short route with the expert and records it to data/expert_debug of this project, or another one.
#   bash scripts/eval_expert.sh [ROUTES.xml] [OPTIONS OF lead drive ...]
set -euo pipefail
# shellcheck source=scripts/main.sh
source "$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)/main.sh"

routes="$LEAD_PROJECT_ROOT/data/data_routes/lead/noScenarios/short_route.xml"
if [[ $# -gt 0 && $1 != -* ]]; then
  routes="$1"
  shift
fi
exec "$LEAD" drive --expert --routes "$routes" --timeout "${TIMEOUT:-600}" \
  --output-dir "${OUTPUT_DIR:-$LEAD_PROJECT_ROOT/data/expert_debug}" "$@"
