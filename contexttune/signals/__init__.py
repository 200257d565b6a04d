"""Signals: facts read from a commit's blobs and history, without a checkout and without parsing."""
