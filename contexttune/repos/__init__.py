"""Git repositories: mirrors, checkouts, commits read without a checkout, paths named in text."""
