"""From one command line to its jobs: sweeps, Slurm, reproducing a past run."""
