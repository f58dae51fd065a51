"""Pictures of a report: ``python -m tests.report.screenshots REPORT.html FOLDER``.

Writes ``report-light.png``, ``report-dark.png``, ``report-phone.png`` and ``report.pdf``, for eyes
and for docs/pictures; needs what the tests in a browser need.
"""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Any

from tests.report.browser import browser


def take(driver: Any, page: Path, picture: Path, width: int, until: str | None, dark: bool,
         scale: float = 1.0) -> None:
    """A screenshot of the page from its top to the section with the id ``until``."""
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    size = {"width": width, "height": 900, "deviceScaleFactor": scale, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    driver.get(page.as_uri())
    height = driver.execute_script(
        "const e = document.getElementById(arguments[0]);"
        "return e ? e.getBoundingClientRect().top : document.documentElement.scrollHeight", until)
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {**size, "height": int(height)})
    driver.save_screenshot(str(picture))


def main(page: Path, folder: Path) -> None:
    with browser() as driver:
        take(driver, page, folder / "report-light.png", 1100, "energy", dark=False)
        take(driver, page, folder / "report-dark.png", 1100, "energy", dark=True)
        take(driver, page, folder / "report-phone.png", 390, "energy", dark=False)
        paper = driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
        (folder / "report.pdf").write_bytes(base64.b64decode(paper["data"]))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]))
