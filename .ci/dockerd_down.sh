#!/bin/bash
# Stop the engine that dockerd_up.sh started in DIR, and remove its containers and images.
set -euo pipefail
dir=${1:?usage: dockerd_down.sh DIR}
if [ -s "$dir/dockerd.pid" ]; then
    pid=$(cat "$dir/dockerd.pid")
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 200); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
fi
rm -rf "${dir:?}/data" "${dir:?}/exec" "${dir:?}/config" "${dir:?}/docker.sock"
