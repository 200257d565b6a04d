"""The cards: each turns the signals of a commit into one section of a context."""
