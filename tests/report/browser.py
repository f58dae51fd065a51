"""A headless Chromium for tests of the report, or the reason why there is none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

#: Debian's names first.
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def missing() -> str | None:
    """Why tests in a browser cannot run here, or None if they can."""
    if not any(shutil.which(name) for name in _BROWSERS):
        return "no browser: install Debian's package chromium (make test does, as root)"
    if not shutil.which("chromedriver"):
        return "no chromedriver: install Debian's package chromium-driver (make test does, as root)"
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "no selenium: pip install 'neurosim[dev]'"
    return None


@contextmanager
def browser(width: int = 1200, height: int = 900) -> Iterator[Any]:
    """A Chromium window; skips the test where there is none."""
    why = missing()
    if why is not None:
        pytest.skip(why)
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                 f"--window-size={width},{height}"):
        options.add_argument(word)
    options.binary_location = next(filter(None, map(shutil.which, _BROWSERS)))
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def complaints(driver: Any) -> list[str]:
    """What the page wrote to the console since the last call."""
    return [entry["message"] for entry in driver.get_log("browser")]


def requests(driver: Any) -> list[str]:
    """Addresses asked for since the last call, but for data in the page itself."""
    found = []
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            found.append(message["params"]["request"]["url"])
    return [address for address in found if not address.startswith("data:")]
