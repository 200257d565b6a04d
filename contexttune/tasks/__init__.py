"""The tasks of the command line: task=run, doctor, plan, report, ..."""
