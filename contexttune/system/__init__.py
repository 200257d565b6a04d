"""The machine: files that survive a kill, locks, child processes, secrets, the console."""
