"""Sandboxes for commands of agents and tests: containers, bubblewrap, their shells and testbeds."""
