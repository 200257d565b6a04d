#!/bin/bash
# Remove the containers and images of the store that podman_up.sh made in DIR.
set -euo pipefail
dir=${1:?usage: podman_down.sh DIR}
export CONTAINERS_STORAGE_CONF=$dir/storage.conf CONTAINERS_CONF=$dir/containers.conf
[ -e "$CONTAINERS_CONF" ] || exit 0
podman rm --all --force >/dev/null || true
podman rmi --all --force >/dev/null || true
umount "$dir/root/overlay" 2>/dev/null || true
rm -rf "${dir:?}/root" "${dir:?}/run" "${dir:?}"/*.conf "${dir:?}"/*.log
