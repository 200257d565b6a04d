from contexttune.errors import ConfigError, InfraError
from contexttune.tasks.check import Check, State, Warn, failed, run_checks, warnings


def ok(subject):
    yield f"{subject} is fine"
    yield Warn("nearly")


def raise_(error):
    def run(_):
        yield "so far"
        raise error

    return run


CHECKS: tuple[Check[str], ...] = (
    Check(name="a", run=ok),
    Check(name="b", run=raise_(ConfigError("two\nlines"))),
    Check(name="c", run=ok, needs=("a", "b")),
    Check(name="d", run=ok, needs=("c",)),
    Check(name="e", run=raise_(InfraError("away")), needs=("a",)),
    Check(name="f", run=lambda _: ()),
)


def test_a_check_is_skipped_if_one_that_it_needs_failed_or_was_skipped(caplog):
    caplog.set_level("INFO")
    findings = run_checks(CHECKS, "x")
    assert [(finding.check, finding.state) for finding in findings] == [
        ("a", State.OK),
        ("a", State.WARNING),
        ("b", State.OK),
        ("b", State.FAILED),
        ("c", State.SKIPPED),
        ("d", State.SKIPPED),
        ("e", State.OK),
        ("e", State.FAILED),
    ]
    assert findings[3].message == "two lines"
    assert failed(findings) == ["b", "e"]
    assert warnings(findings) == ", with 1 warning"
    assert warnings([]) == ""
    assert len(caplog.records) == len(findings)
