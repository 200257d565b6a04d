import os
import pty
import sys
import time

import pytest

from contexttune.system.progress import Board, Progress, console
from tests.command_line import environment

DEMO = ["slice=demo", "runner=empty", "harness=none", "condition=no_context"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs a pseudo terminal")
def test_a_terminal_gets_a_live_table_and_a_log_file_is_kept(tmp_path):
    pid, terminal = pty.fork()
    if pid == 0:  # the child is the program, with the terminal as its own
        os.chdir(tmp_path)
        os.execve(
            sys.executable,
            [sys.executable, "-m", "contexttune", *DEMO],
            environment(TERM="xterm", COLUMNS="100"),
        )
    shown = b""
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # how a pseudo terminal says that its other end is closed
            break
        if not chunk:
            break
        shown += chunk
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(terminal)
    assert b"inference 0/6" in shown
    assert b"\x1b[2K" in shown, "the table must be drawn over, not repeated"
    (log,) = tmp_path.glob("multirun/*/*/0/contexttune.log")
    assert "inference 6/6" in log.read_text()
    assert "\x1b" not in log.read_text()


def test_without_a_terminal_there_is_one_line_an_instance(tmp_path):
    from tests.command_line import contexttune

    said = contexttune(*DEMO, cwd=tmp_path).stdout
    assert sum(line.startswith("inference ") and "/6 ctdemo__" in line for line in said.splitlines()) == 6
    assert "\x1b" not in said


def test_words_of_a_server_cannot_steer_the_terminal(tmp_path):
    from tests.command_line import contexttune
    from tests.models.fault_server import error, serving

    with serving(error(400, "\x1b]0;owned\x07 \x1b[31mred")) as server:
        keys = ("runner=single_shot", "model.name=m", "model.api_key_env=null", "slice.limit=1")
        done = contexttune(*DEMO[:1], *DEMO[2:], *keys, cwd=tmp_path, OPENAI_BASE_URL=server.url)
    assert "owned" in done.stdout
    assert "\x1b" not in done.stdout
    assert "\x07" not in done.stdout


def test_running_items_show_what_they_say_of_themselves(caplog, monkeypatch):
    board = Board()
    with caplog.at_level("INFO"), Progress("inference", 2, board=board, every_s=0.05) as progress:
        progress.start("a[red]")
        board.note("a[red]", step="3", tokens="1,200", cost="$0.02", status="works")
        with console().capture() as shown:
            console().print(progress._table(), width=100)
        ends = time.monotonic() + 10
        while "running" not in caplog.text and time.monotonic() < ends:
            time.sleep(0.02)
        progress.finish("a[red]", "submitted")
        assert board.notes() == {}
    words = ("a[red]", "step", "3", "tokens", "1,200", "$0.02", "works")
    assert all(word in shown.get() for word in words)
    assert "inference 0/2, running: a[red] (step 3, tokens 1,200, cost $0.02, status works)" in caplog.text


def test_what_is_no_terminal_is_wide_enough_for_a_table_unless_it_says_otherwise(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert console().width == 120
    monkeypatch.setenv("COLUMNS", "90")
    console().width = 90  # as rich reads it when it starts
    assert console().width == 90
