"""Debian's Chromium, driven as a person would: what a page shows after its scripts ran."""

import os
from pathlib import Path
from typing import Self

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from lab.binaries import debian


class Browser:
    """A headless window. Methods raise selenium's TimeoutException when something does not appear."""

    def __init__(self, width: int = 1280, height: int = 900) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = str(debian("chromium"))
        words = [
            "--headless=new",
            f"--window-size={width},{height}",
            "--disable-gpu",
            "--disable-dev-shm-usage",
        ]
        if os.geteuid() == 0:
            words.append("--no-sandbox")  # Chromium refuses its sandbox to root
        for word in words:
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self._driver = webdriver.Chrome(options, Service(str(debian("chromedriver"))))

    def open(self, url: str) -> None:
        """Load a page."""
        self._driver.get(url)

    def text(self, selector: str = "body") -> str:
        """What an element shows."""
        return self._driver.find_element(By.CSS_SELECTOR, selector).text

    def click(self, selector: str) -> None:
        """Press a button."""
        self._driver.find_element(By.CSS_SELECTOR, selector).click()

    def wait_for(self, words: str, selector: str = "body", timeout: float = 10.0) -> str:
        """Wait until an element shows the words; all that it shows."""
        WebDriverWait(self._driver, timeout).until(lambda _: words in self.text(selector))
        return self.text(selector)

    def complaints(self) -> list[str]:
        """Errors that the page's console has."""
        rows = self._driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [row["message"] for row in rows if row["level"] == "SEVERE"]

    def resize(self, width: int, height: int) -> None:
        """Give the page itself, not the window, this size in pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def picture(self, path: Path) -> None:
        """Save what the window shows as PNG."""
        self._driver.save_screenshot(str(path))

    def close(self) -> None:
        """End the browser."""
        self._driver.quit()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
