"""mini-swe-agent as a runner: its agent loop and prompts, in places, processes and limits of our own."""
