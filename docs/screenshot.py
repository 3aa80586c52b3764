"""Makes the README's picture of results/page.html, with the Chromium that this machine has."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.browser import open_browser

ROOT = Path(__file__).resolve().parents[1]
CHOSEN = "model=laclip&dataset=colour_glyphs&strategy=random&cs=0.5&projection=image&kept=48"

if __name__ == "__main__":
    with open_browser() as browser:
        tab = browser.new_page(viewport={"width": 1280, "height": 1980})
        tab.goto(f"{(ROOT / 'results/page.html').as_uri()}#{CHOSEN}")
        tab.wait_for_timeout(500)  # thumbnails are decoded
        tab.screenshot(path=ROOT / "docs/images/page.png")
