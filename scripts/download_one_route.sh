#!/usr/bin/env bash
# Downloads the zip file of one route of the published data set to data/carla_leaderboard2/zip of this project.
#   bash scripts/download_one_route.sh [ROUTE] [OPTIONS OF lead download dataset ...]
set -euo pipefail
# shellcheck source=scripts/main.sh
source "$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)/main.sh"

choice=()
if [[ $# -gt 0 && $1 != -* ]]; then
  choice=(--route "$1")
  shift
fi
exec "$LEAD" download dataset lead "${choice[@]}" --limit 1 --dir "$LEAD_PROJECT_ROOT/data/carla_leaderboard2" "$@"
