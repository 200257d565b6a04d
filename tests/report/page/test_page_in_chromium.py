"""report.html in the system's Chromium.

Screenshots go to the directory that CONTEXTTUNE_SCREENSHOTS names, where it is set.
"""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from contexttune.injection import BEGIN
from tests.command_line import contexttune
from tests.gitrepos import layout
from tests.report.contrasts import contrast
from tests.report.page_groups import conversation, write_page, write_run

pytestmark = pytest.mark.chromium
ROTA = "ctdemo__rota-26"
HIT = "window.hit = true"
HOSTILE = (
    f"<script>{HIT}</script> </script><script>{HIT}</script> <img src=x onerror='{HIT}'> "
    f"<svg onload='{HIT}'> <!-- ]]> \" ' & &lt; javascript:{HIT} {{{{ 7 * 7 }}}} \u2028 \0 end"
)
SHOWN = HOSTILE.replace("\u2028", "⟨U+2028⟩").replace("\0", "⟨U+0000⟩")


@pytest.fixture(scope="module")
def demo(tmp_path_factory, demo_run):
    """The demo's page with a contrast that has every section."""
    root = tmp_path_factory.mktemp("demo") / "run"
    shutil.copytree(demo_run[0], root, symlinks=True)
    done = contexttune("task=report", "group_id=demo-local", cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    plain = root / "results" / "demo-local" / "report.html"
    assert f"report: {plain}" in done.stdout
    shown = plain.with_name("shown.html")
    kept = plain.read_bytes()
    write_page(layout(root), group="demo-local").rename(shown)
    plain.write_bytes(kept)
    return shown


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as machine:
        root = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = machine.chromium.launch(executable_path=shutil.which("chromium"), args=root)
        yield browser
        browser.close()


@pytest.fixture
def screenshots(tmp_path):
    return Path(os.environ.get("CONTEXTTUNE_SCREENSHOTS") or tmp_path)


@contextmanager
def opened(chromium, path, *, width=1280, scheme="light", fragment=""):
    """Open the page and wait for its script; fails on console messages and network requests."""
    said, asked = [], []
    tab = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(path.as_uri() + fragment)
    tab.wait_for_selector("html[data-ready=yes]")
    yield tab
    assert said == []
    assert {url.split("#")[0] for url in asked} - {"data:,"} == {path.as_uri()}
    tab.close()


def names(tab):
    return [name.split("__")[1] for name in tab.locator("#outcomes tbody th button").all_inner_texts()]


def is_wider_than_its_window(tab):
    return tab.evaluate("document.documentElement.scrollWidth > window.innerWidth")


def wait_for(tab, name):
    tab.wait_for_selector(f"#instance[open][data-ready='{name}']")


def test_the_matrix_sorts_and_filters(chromium, demo):
    with opened(chromium, demo) as tab:
        in_order = ["inkfile-8", "inkfile-13", "rota-21", "rota-26", "tablet-12", "tablet-17"]
        assert names(tab) == in_order
        tab.get_by_role("button", name="Instance", exact=True).press("Enter")
        assert names(tab) == in_order[::-1]
        assert tab.locator("#outcomes th[aria-sort=descending]").inner_text() == "Instance"
        tab.get_by_role("button", name="Change").click()
        assert names(tab)[0] == "tablet-12"  # the one that was lost
        tab.get_by_label("only where conditions differ").check()
        assert names(tab) == ["tablet-12", "inkfile-13", "rota-21", "rota-26"]
        tab.locator("#filter-repo").select_option("ctdemo/rota")
        assert names(tab) == ["rota-21", "rota-26"]
        tab.locator("#filter-outcome").select_option("error")
        assert names(tab) == ["rota-21"]
        assert tab.locator("#shown").inner_text() == "1 of 6 instances"
        tab.get_by_label("Search").fill("tablet")
        assert "No instance matches" in tab.locator("#outcomes tbody").inner_text()


def test_an_instance_is_reached_and_left_by_keyboard(chromium, demo):
    with opened(chromium, demo) as tab:
        first = tab.locator("#outcomes tbody button").first
        first.focus()
        for key in ("j", "ArrowDown", "ArrowDown", "ArrowUp"):
            tab.keyboard.press(key)
        assert tab.evaluate("document.activeElement.textContent") == "ctdemo__rota-21"
        tab.keyboard.press("Enter")
        wait_for(tab, "ctdemo__rota-21")
        tab.keyboard.press("j")
        wait_for(tab, ROTA)
        assert tab.evaluate("location.hash") == f"#{ROTA}"
        assert tab.locator("#position").inner_text() == "4 of 6"
        tab.keyboard.press("Escape")
        assert not tab.locator("#instance").is_visible()
        # the browser tells of the end of a dialog after it has put the focus back where it was
        tab.wait_for_function("name => document.activeElement.textContent === name", arg=ROTA)
        assert tab.evaluate("location.hash") == ""


def test_an_instance_shows_both_arms_side_by_side(chromium, demo):
    with opened(chromium, demo, fragment=f"#{ROTA}") as tab:
        wait_for(tab, ROTA)
        detail = tab.locator("#detail")
        assert "Month-end shifts drift" in detail.inner_text()
        control, treated = detail.locator(".side").all()
        assert control.locator(".patch .add").count() == 2
        assert treated.locator(".patch .remove").count() == 2
        assert "test_a_30th_stays_a_30th_after_february" in control.inner_text()
        assert "AssertionError" in control.locator("pre").last.text_content()
        assert treated.locator("details", has_text="Context block").text_content().count(BEGIN) == 1
        assert detail.locator(".first-difference").inner_text() == "Step 1: the trajectories diverge"
        tab.get_by_label("Right").select_option("0")
        assert detail.locator(".first-difference").count() == 0
        assert tab.locator("#jump").is_disabled()


def test_the_first_differing_step_is_marked(chromium, tmp_path):
    place = layout(tmp_path)
    for condition, commands in (
        ("no_context", ("ls", "cat a", "rm a")),
        ("baseline_context", ("ls", "cat a", "sed b", "git diff")),
    ):
        write_run(place, condition, 0, {"a": "resolved"}, messages={"a": conversation(*commands)})
    with opened(chromium, write_page(place), fragment="#a") as tab:
        wait_for(tab, "a")
        assert (
            tab.locator(".first-difference").inner_text()
            == "Step 3: the trajectories diverge after 2 equal steps"
        )
        assert tab.locator(".differs .commands").all_inner_texts() == ["rm a", "sed b"]
        assert "ended" in tab.locator("#steps").inner_text()


def test_every_treatment_is_compared_with_the_control(chromium, tmp_path):
    place = layout(tmp_path)
    for condition, outcome in (("no_context", "unresolved"), ("a_map", "resolved"), ("z_map", "unresolved")):
        write_run(place, condition, 0, {"a": outcome})
    path = write_page(
        place,
        contrasts=[contrast("a_map"), contrast("z_map", verdict="withheld", sentence="Withheld: outages")],
    )
    with opened(chromium, path) as tab:
        heads = tab.locator("#outcomes th[scope=col] button").all_inner_texts()
        assert [head.strip() for head in heads[3:8]] == [
            "no_context",
            "a_map",
            "z_map",
            "Change, a_map",
            "Change, z_map",
        ]
        assert tab.locator("#outcomes .tag").all_inner_texts() == ["gained"]
        assert tab.locator(".forest .group").all_inner_texts()[:2] == [
            "a_map against no_context",
            "z_map against no_context",
        ]
        assert "Withheld: outages" in tab.locator(".verdict.withheld").inner_text()


def test_hostile_records_are_shown_as_text(chromium, tmp_path, screenshots):
    place = layout(tmp_path)
    told = HOSTILE + "\ud800"
    name = "<img src=x onerror='window.hit = true'>"
    messages = {name: [*conversation(told, output=told)]}
    common = {"repo": HOSTILE, "problem": HOSTILE, "log": told, "messages": messages, "context": HOSTILE}
    failed = {"FAIL_TO_PASS": {"failure": [HOSTILE], "success": []}}
    patch = f"diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n+{HOSTILE}\n"
    for condition in ("no_context", HOSTILE):
        write_run(
            place, condition, 0, {name: "unresolved"}, patch=patch, tests=failed, error=HOSTILE, **common
        )
    path = write_page(
        place,
        warnings=[HOSTILE],
        flaky=[{"instance_id": name, "condition": HOSTILE, "outcome": "resolved", "again": ["error"]}],
    )
    with opened(chromium, path) as tab:
        assert SHOWN in tab.locator(".caveats").text_content()
        tab.locator("#outcomes tbody button").first.press("Enter")
        wait_for(tab, name.replace("'", "\\'"))
        detail = tab.locator("#detail").text_content()
        assert (
            detail.count(SHOWN) >= 10
        )  # issue, patches, tests, logs, errors, commands and outputs of both arms
        assert f"{SHOWN}⟨U+D800⟩" in detail
        assert tab.locator("#instance-title").text_content() == name
        assert tab.locator("img, body svg[onload], main script, dialog script").count() == 0
        assert tab.evaluate("window.hit") is None
        tab.screenshot(path=screenshots / "hostile.png")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
def test_it_is_readable_in_light_and_dark_wide_and_narrow(chromium, demo, screenshots, scheme, width):
    with opened(chromium, demo, width=width, scheme=scheme) as tab:
        assert not is_wider_than_its_window(tab)
        colour = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, colour[4:-1].split(","))) < 300) is (scheme == "dark")
        tab.screenshot(path=screenshots / f"page-{scheme}-{width}.png", full_page=True)
        tab.evaluate(f"location.hash = '#{ROTA}'")
        wait_for(tab, ROTA)
        assert tab.evaluate("document.getElementById('instance').scrollWidth") <= width
        height = tab.evaluate("document.getElementById('instance').scrollHeight")
        tab.set_viewport_size({"width": width, "height": min(height + 20, 4_000)})
        tab.screenshot(path=screenshots / f"instance-{scheme}-{width}.png")
