"""Facts about blobs, kept on disk for all later commits."""
