"""What a run would need, looked at one by one before anything is spent."""
