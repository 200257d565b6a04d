"""Which files and which of their definitions a change is likely to touch."""
