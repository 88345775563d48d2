#!/usr/bin/env bash
# Downloads the checkpoint tfv6_resnet34 to outputs/checkpoints of this project, or another one.
#   bash scripts/download_one_checkpoint.sh [NAME] [OPTIONS OF lead download checkpoint ...]
set -euo pipefail
# shellcheck source=scripts/main.sh
source "$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)/main.sh"

name=tfv6_resnet34
if [[ $# -gt 0 && $1 != -* ]]; then
  name="$1"
  shift
fi
exec "$LEAD" download checkpoint "$name" --dir "$LEAD_PROJECT_ROOT/outputs/checkpoints" "$@"
