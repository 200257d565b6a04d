"""Where commands of agents and tests run: containers, bubblewrap, their shells and testbeds."""
