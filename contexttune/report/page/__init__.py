"""report.html: a self-contained page about a group."""

from contexttune.report.page.document import write

__all__ = ["write"]
