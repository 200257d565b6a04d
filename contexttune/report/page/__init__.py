"""report.html: a self-contained page about a group."""
