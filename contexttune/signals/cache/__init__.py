"""What is known of single files and commits, kept on disk for every later commit."""
