"""Tests of the harness backends, on toy tasks."""
