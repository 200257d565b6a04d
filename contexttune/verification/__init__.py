"""Whether what a group reports follows from what lies on disk: each number made again, each record held against the other."""
