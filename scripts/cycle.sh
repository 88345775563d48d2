#!/usr/bin/env bash
# The whole cycle, from nothing to a policy with a score: collect, cache, pre-train, post-train, drive held-out routes.
#   bash scripts/cycle.sh [FOLDER]        default: outputs/cycle
# Run it again after an interruption: every stage goes on where it was. Variables, with their defaults:
#   FRAMES           12000    frames to collect that may be learnt from
#   WORKERS          one per core, drives at the same time
#   TRAIN_ROUTES     data/routes/suites/train.xml
#   HELDOUT_ROUTES   data/routes/suites/heldout.xml
#   LEAD_EXPERT_CONFIG  "hesitate=true swerve=true exact_clouds=true", see docs/collecting.md
#   RECIPE           tfv6_compact
#   PRETRAIN_EPOCHS  8        0: all at once, in post-training
#   POSTTRAIN_EPOCHS 16
#   TRAIN_WORDS      further settings of both trainings, such as "batch_size=32 lr=3e-4"
#   SEEDS            1        drives of every held-out route, each with another seed
#   GPUS             1        drives take turns on so many, trainings use them all
#   LEAD_PYTHON      .venv/bin/python
# docs/train-your-own.md says how long it takes and what comes out.
set -euo pipefail
folder="$(realpath -m -- "${1:-outputs/cycle}")"
repository="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
python="${LEAD_PYTHON:-$repository/.venv/bin/python}"
cd "$repository"
export LEAD_EXPERT_CONFIG="${LEAD_EXPERT_CONFIG-hesitate=true swerve=true exact_clouds=true}"
export OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS:-1}"
workers="${WORKERS:-$(nproc)}"
pretrain_epochs="${PRETRAIN_EPOCHS:-8}"
posttrain_epochs="${POSTTRAIN_EPOCHS:-16}"
heldout_routes="${HELDOUT_ROUTES:-data/routes/suites/heldout.xml}"
read -ra words <<< "${TRAIN_WORDS:-}"
drives=(--workers "$workers")
launch=()
if ((${GPUS:-1} > 1)); then
  drives+=(--gpus "$(seq -s, 0 $((GPUS - 1)))")
  launch=(-m torch.distributed.run --standalone --nproc-per-node "$GPUS")
fi
mkdir -p "$folder"

# stage NAME COMMAND...: run a command, keep its output and add its wall time to times.txt
stage() {
  local name="$1" began="$SECONDS" code=0
  shift
  echo "== $name: $*"
  # -i: what the command says while it is interrupted is kept, too.
  "$@" 2>&1 | tee -i -a "$folder/$name.log" || code=$?
  echo "$name $((SECONDS - began)) s" | tee -a "$folder/times.txt"
  return "$code"
}

train() {
  "$python" "${launch[@]}" -m lead train "recipe=${RECIPE:-tfv6_compact}" "carla_root=$folder/data" resume=true \
    use_cosine_annealing_with_restarts=false "$@" "${words[@]}"
}

last_weights() {
  printf '%s/model_%04d.pth' "$1" $(($2 - 1))
}

stage collect "$python" -m lead collect "${TRAIN_ROUTES:-data/routes/suites/train.xml}" --out "$folder/data" \
  "${drives[@]}" --frames "${FRAMES:-12000}" --per-class 0 --give-up
stage cache "$python" -m lead cache build "$folder/data" --workers "$workers"
start=()
if ((pretrain_epochs > 0)); then
  stage pretrain train "logdir=$folder/pretrain" "epochs=$pretrain_epochs"
  start=("load_file=$(last_weights "$folder/pretrain" "$pretrain_epochs")")
fi
stage posttrain train "logdir=$folder/posttrain" "epochs=$posttrain_epochs" use_planning_decoder=true "${start[@]}"
stage export "$python" -m lead export-weights "$folder/posttrain" --out "$folder/policy" --force
driven=0
stage heldout "$python" -m lead benchmark bench2drive --routes "$heldout_routes" \
  --checkpoint "$folder/policy" "${drives[@]}" --repetitions "${SEEDS:-1}" --output-dir "$folder/heldout" \
  || driven=$?
[[ "$driven" -eq 0 || "$driven" -eq 3 ]] || exit "$driven" # 3: an agent crashed, which counts in the score
stage score "$python" -m lead score "$folder/heldout" --benchmark bench2drive --routes "$heldout_routes"
