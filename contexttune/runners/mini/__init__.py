"""mini-swe-agent as a runner: its agent loop and prompts, with contexttune's testbeds, processes and limits."""
