#!/bin/bash
# Install what the tests need and this machine lacks (root, Debian). Installs nothing when nothing is missing.
set -euo pipefail
declare -A package=(
    [dockerd]=docker.io [docker]=docker.io [podman]=podman [bwrap]=bubblewrap [patch]=patch [ps]=procps [git]=git [make]=make
    [slurmctld]=slurmctld [slurmd]=slurmd [sbatch]=slurm-client [munged]=munge
    [chromium]=chromium
    [mawk]=mawk [find]=findutils [cmp]=diffutils [unshare]=util-linux [python3]=python3 [g++]=g++
)
wanted=()
for command in "${!package[@]}"; do
    command -v "$command" >/dev/null || wanted+=("${package[$command]}")
done
python3 -c 'import ensurepip, venv' 2>/dev/null || wanted+=(python3-venv)
ls /usr/lib/*/slurm-wlm/select_cons_tres.so >/dev/null 2>&1 || wanted+=(slurm-wlm-basic-plugins)
[ -s /etc/ssl/certs/ca-certificates.crt ] || wanted+=(ca-certificates)
[ "${#wanted[@]}" -eq 0 ] && exit 0
echo "installing: $(printf '%s\n' "${wanted[@]}" | sort -u | xargs)"
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null
