import logging
from pathlib import Path

from contexttune.system.warn_once import WarnOnce


def test_a_problem_is_warned_about_once_until_it_is_resolved(caplog):
    caplog.set_level("DEBUG")
    warnings, path = WarnOnce(logging.getLogger("x")), Path("a")
    for _ in range(2):
        warnings.warn(path, "read", "%s cannot be read", path)
    warnings.warn(path, "written", "%s cannot be written", path)
    warnings.resolved(path, "read")
    assert (warnings.warned(path, "read"), warnings.warned(path, "written")) == (False, True)
    warnings.warn(path, "read", "%s cannot be read", path)
    assert [record.levelname for record in caplog.records] == ["WARNING", "DEBUG", "WARNING", "WARNING"]
