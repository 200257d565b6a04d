#!/bin/bash
# Start a one-node Slurm on this machine, without an accounting database, as many small clusters are (root, Debian).
# Idempotent; a Slurm that already answers is left as it is.
set -euo pipefail
answers() { sinfo -h -o %T 2>/dev/null | grep -qE 'idle|mixed|allocated'; }
answers && exit 0
[ "$(id -u)" = 0 ] || { echo "slurm_up: needs root" >&2; exit 1; }

host=$(hostname -s)
getent hosts "$host" >/dev/null || echo "127.0.0.1 $host" >>/etc/hosts
mkdir -p /etc/slurm /var/spool/slurmctld /var/spool/slurmd /run/munge
chown munge: /run/munge
if ! [ -s /etc/slurm/slurm.conf ]; then
    # Four processors at least, whatever the machine has: jobs of several sweeps are to run beside each other.
    cpus=$(nproc)
    [ "$cpus" -ge 4 ] || cpus=4
    cat >/etc/slurm/slurm.conf <<CONF
ClusterName=test
SlurmctldHost=$host
AuthType=auth/munge
SlurmUser=root
SlurmdUser=root
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
StateSaveLocation=/var/spool/slurmctld
SlurmdSpoolDir=/var/spool/slurmd
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
SlurmctldLogFile=/var/log/slurmctld.log
SlurmdLogFile=/var/log/slurmd.log
NodeName=$host CPUs=$cpus State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
fi
pgrep -x munged >/dev/null || su -s /bin/sh munge -c munged
pgrep -x slurmctld >/dev/null || slurmctld
pgrep -x slurmd >/dev/null || slurmd
for _ in $(seq 120); do
    answers && exit 0
    sleep 0.5
done
echo "slurm_up: no node after 60 s" >&2
tail -n 20 /var/log/slurmctld.log /var/log/slurmd.log >&2
exit 1
