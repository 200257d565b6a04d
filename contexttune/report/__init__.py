"""Reports: records of a group -> summary.json, summary.md, instances.csv, report.html and console tables."""
