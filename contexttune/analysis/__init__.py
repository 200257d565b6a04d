"""Paired statistics: outcomes and costs of a group -> contrasts with intervals and verdicts."""
