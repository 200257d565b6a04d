"""Repositories on this machine: mirrors, commits read without a checkout, checkouts."""
