#!/usr/bin/env bash
# Unpacks zip files of routes to the folder 'data' beside them; those of data/carla_leaderboard2/zip unless told otherwise.
#   bash scripts/unzip_routes.sh [ZIPS] [OPTIONS OF lead dataset unzip ...]
set -euo pipefail
# shellcheck source=scripts/main.sh
source "$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)/main.sh"

zips="$LEAD_PROJECT_ROOT/data/carla_leaderboard2/zip"
if [[ $# -gt 0 && $1 != -* ]]; then
  zips="$1"
  shift
fi
exec "$LEAD" dataset unzip "$zips" --workers "$(nproc)" "$@"
