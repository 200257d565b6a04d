#!/bin/bash
# Start a Docker engine of its own, without a registry and without a network (root, Linux).
#
#   eval "$(.ci/dockerd_up.sh DIR)"    starts it and sets DOCKER_HOST and what goes with it
#   .ci/dockerd_down.sh DIR            stops it and removes its images
#
# DIR must be short: the path of a unix socket has at most 107 bytes.
set -euo pipefail
dir=$(mkdir -p "${1:?usage: dockerd_up.sh DIR}" && cd "$1" && pwd)
host=unix://$dir/docker.sock
[ "${#dir}" -le 90 ] || { echo "dockerd_up: $dir is too long for a socket" >&2; exit 1; }
[ "$(id -u)" = 0 ] || { echo "dockerd_up: needs root" >&2; exit 1; }
unshare -n -m true || { echo "dockerd_up: this machine does not allow namespaces" >&2; exit 1; }

mkdir -p "$dir/config"
echo "{}" >"$dir/config/config.json" # podman reads it too, and wants it to be there
if ! DOCKER_HOST=$host docker version >/dev/null 2>&1; then
    # A second engine in the machine's own network namespace would take down the first one's bridge.
    # Its mounts live in a namespace of their own too, so that they are gone when it is.
    # --init: containers end on the first signal, instead of being waited for.
    unshare -n -m setsid dockerd --init --bridge=none --iptables=false -H "$host" \
        --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/dockerd.pid" \
        >"$dir/dockerd.log" 2>&1 </dev/null &
    for _ in $(seq 300); do
        DOCKER_HOST=$host docker version >/dev/null 2>&1 && break
        sleep 0.1
    done
    DOCKER_HOST=$host docker version >/dev/null || { tail -n 20 "$dir/dockerd.log" >&2; exit 1; }
fi
cat <<EOF
export DOCKER_HOST=$host DOCKER_CONFIG=$dir/config DOCKER_BUILDKIT=0
EOF
