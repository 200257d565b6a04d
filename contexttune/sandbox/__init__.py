"""Where commands of others run: containers, bubblewrap, their shells and testbeds."""
