#!/usr/bin/env bash
# Download CARLA 0.9.15 with its additional maps and unpack both. Start it again after an interruption: it goes on.
set -euo pipefail

usage() {
    cat <<'TEXT'
Usage: scripts/setup_carla.sh [--dry-run] [--keep-archives] [FOLDER]

Installs into FOLDER [CARLA_ROOT if set, else 3rd_party/CARLA_0915 of this repository].
  --dry-run        say what would be done, fetch nothing
  --keep-archives  keep the downloaded archives in FOLDER.download

CARLA_MIRROR names another address or folder URL that holds the two archives.
Example: scripts/setup_carla.sh /data/CARLA_0915
TEXT
}

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
mirror="${CARLA_MIRROR:-https://carla-releases.s3.us-east-005.backblazeb2.com/Linux}"
archives=(CARLA_0.9.15.tar.gz AdditionalMaps_0.9.15.tar.gz)
target="${CARLA_ROOT:-$repository/3rd_party/CARLA_0915}"
dry_run=0 keep=0
while (($#)); do
    case "$1" in
        --dry-run) dry_run=1 ;;
        --keep-archives) keep=1 ;;
        -h | --help) usage; exit 0 ;;
        -*) echo "setup_carla.sh: unknown option $1 (see --help)" >&2; exit 2 ;;
        *) target="$1" ;;
    esac
    shift
done
target="$(realpath -m "$target")"
download="$target.download"
partial="$target.partial"

fail() { echo "setup_carla.sh: $*" >&2; exit 1; }

remote_size() {
    curl -fsSLI --retry 3 "$1" | tr -d '\r' | awk 'tolower($1) == "content-length:" { size = $2 } END { print size + 0 }'
}

local_size() { if [[ -f "$1" ]]; then stat -c %s "$1"; else echo 0; fi; }

# Fetch one archive whole: its length is the server's, and its checksums inside are right.
fetch() {
    local name="$1" size="$2" file="$download/$1"
    if [[ -f "$file" && "$(local_size "$file")" == "$size" ]]; then
        echo "$name is there"
        return
    fi
    if (("$(local_size "$file.part")" > size)); then rm "$file.part"; fi
    if (("$(local_size "$file.part")" < size)); then
        echo "downloading $name ($((size / 1000000)) MB, $(($(local_size "$file.part") / 1000000)) MB of it are there)"
        curl -fL --retry 5 --retry-delay 5 --continue-at - --output "$file.part" "$mirror/$name" \
            || fail "downloading $name failed; run this again to go on where it stopped"
    fi
    [[ "$(local_size "$file.part")" == "$size" ]] || fail "$name has the wrong length; run this again"
    echo "checking $name"
    if ! gzip -t "$file.part"; then
        rm "$file.part"
        fail "$name arrived damaged and was removed; run this again"
    fi
    mv "$file.part" "$file"
}

if [[ -f "$target/CarlaUE4.sh" ]]; then
    echo "CARLA is installed in $target"
    exit 0
fi
[[ ! -e "$target" || -z "$(ls -A "$target")" ]] || fail "$target exists and holds no CARLA; name another folder"
if ((dry_run)); then
    for name in "${archives[@]}"; do echo "would download $mirror/$name"; done
    echo "would unpack both into $target"
    exit 0
fi
command -v curl >/dev/null || fail "curl is missing; install it"

mkdir -p "$download"
declare -A sizes
total=0
for name in "${archives[@]}"; do
    sizes[$name]="$(remote_size "$mirror/$name")" || fail "$mirror/$name cannot be reached; check the network or set CARLA_MIRROR"
    ((sizes[$name] > 0)) || fail "$mirror does not tell the length of $name"
    total=$((total + sizes[$name]))
done
free="$(df --output=avail -B1 "$download" | tail -n 1)"
((free > total * 3)) || fail "$((total * 3 / 1000000000)) GB are needed beside $target, $((free / 1000000000)) GB are free"
for name in "${archives[@]}"; do fetch "$name" "${sizes[$name]}"; done

# Unpacked beside its place and moved there at the end: a folder with CarlaUE4.sh is a complete one.
rm -rf "$partial"
mkdir -p "$partial"
for name in "${archives[@]}"; do
    echo "unpacking $name"
    tar -xzf "$download/$name" -C "$partial"
done
[[ -f "$partial/CarlaUE4.sh" ]] || fail "the archives hold no CarlaUE4.sh; nothing was installed"
if [[ -d "$target" ]]; then rmdir "$target"; fi
mv "$partial" "$target"
if ((!keep)); then rm -rf "$download"; fi
echo "CARLA 0.9.15 is installed; tell LEAD with: export CARLA_ROOT=$target"
