"""Dataset rows -> the instances of a run, and which of them can be graded."""
