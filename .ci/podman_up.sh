#!/bin/bash
# Give podman a store of its own, and a runtime that works here (root, Linux).
#
#   eval "$(.ci/podman_up.sh DIR)"    sets what podman reads its settings from
#   .ci/podman_down.sh DIR            removes its containers and images
set -euo pipefail
dir=$(mkdir -p "${1:?usage: podman_up.sh DIR}" && cd "$1" && pwd)
[ "$(id -u)" = 0 ] || { echo "podman_up: needs root" >&2; exit 1; }

cat >"$dir/storage.conf" <<CONF
[storage]
driver = "overlay"
graphroot = "$dir/root"
runroot = "$dir/run"
CONF
export CONTAINERS_STORAGE_CONF=$dir/storage.conf CONTAINERS_CONF=$dir/containers.conf
# left to itself, it asks for more than a machine in a container may have
files=$(ulimit -Hn)
[ "$files" != unlimited ] || files=1048576
for runtime in crun runc; do # crun refuses a machine with both versions of cgroups
    cat >"$CONTAINERS_CONF" <<CONF
[containers]
default_ulimits = ["nofile=$files:$files", "nproc=4096:4096"]
[engine]
runtime = "$runtime"
CONF
    podman run --rm --network=none --memory=1g --pids-limit=64 --rootfs /:O true 2>"$dir/$runtime.log" && break
    [ "$runtime" = crun ] || { cat "$dir"/*.log >&2; exit 1; }
done
cat <<EOF
export CONTAINERS_STORAGE_CONF=$CONTAINERS_STORAGE_CONF CONTAINERS_CONF=$CONTAINERS_CONF
EOF
