"""Rankings of files and definitions by how likely a change is to touch them."""
