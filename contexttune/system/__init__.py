"""The machine: durable files, locks, child processes, secrets, the console."""
