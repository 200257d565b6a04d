"""Write docs/report.png: the first screen of the demo's report (`make screenshot`)."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "report.png"
WIDTH, HEIGHT = 1000, 640


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("chromium is not on PATH: install it (apt-get install chromium)")
    with tempfile.TemporaryDirectory() as directory:
        for words in (["-m", "experiment=demo"], ["task=report", "group_id=demo-local"]):
            subprocess.run([sys.executable, "-m", "contexttune", *words], cwd=directory, check=True)
        report = Path(directory) / "results" / "demo-local" / "report.html"
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
            page.goto(report.as_uri())
            page.screenshot(path=TARGET)
            browser.close()
    print(f"{TARGET}: {TARGET.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
