"""What a context tells about the answer, measured without a model: how much of it is named, and whether it leaks."""
