"""One command -> jobs: sweeps, Slurm, what this process has done so far."""
