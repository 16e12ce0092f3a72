"""Chromium, driven as W3C's WebDriver says: https://www.w3.org/TR/webdriver2/."""

import base64
import http.client
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest

_PATIENCE_S = 20.0
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_OPTIONS = (
    "--headless",
    "--window-size=1440,900",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def missing() -> str:
    """Return what there is none of; empty: a browser can be opened."""
    return ", ".join(each for each in ("chromium", "chromedriver") if shutil.which(each) is None)


needs_browser = pytest.mark.skipif(
    bool(missing()) and os.environ.get("CI") != "true",
    reason=f"not installed: {missing()} (apt-get install chromium chromium-driver)",
)


@attrs.frozen
class Browser:
    """One window; everything waits."""

    _port: int
    _session: str

    def open(self, url: str) -> None:
        """Go to `url`."""
        self._post("/url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """Return what the body of a function, `script`, returns; it may be a promise."""
        return self._post("/execute/sync", {"script": script, "args": list(arguments)})

    def until(self, script: str, *arguments: Any) -> Any:
        """Return what `script` returns, once that is true."""
        until_s = time.monotonic() + _PATIENCE_S
        while True:
            found = self.run(script, *arguments)
            if found:
                return found
            assert time.monotonic() < until_s, f"never: {script}\n{self.run(_TEXT)}"
            time.sleep(0.05)

    def click(self, selector: str) -> None:
        """Click on an element, as a person does."""
        found = self._post("/element", {"using": "css selector", "value": selector})
        self._post(f"/element/{found[_ELEMENT]}/click", {})

    def press(self, selector: str, keys: str) -> None:
        """Type into an element."""
        found = self._post("/element", {"using": "css selector", "value": selector})
        self._post(f"/element/{found[_ELEMENT]}/value", {"text": keys})

    def look(self, width: int, height: int, *, dark: bool = False) -> None:
        """Be a screen of this size, in CSS pixels."""
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.devtools("Emulation.setDeviceMetricsOverride", screen)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.devtools("Emulation.setEmulatedMedia", {"features": [scheme]})

    def devtools(self, command: str, parameters: dict[str, Any]) -> Any:
        """Ask the browser's own tools."""
        return self._post("/goog/cdp/execute", {"cmd": command, "params": parameters})

    def picture(self, path: Path) -> None:
        """Write what is seen of the page, all of it, to `path`, as PNG."""
        asked = {"format": "png", "captureBeyondViewport": True}
        path.write_bytes(base64.b64decode(self.devtools("Page.captureScreenshot", asked)["data"]))

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        return _ask(self._port, "POST", f"/session/{self._session}{path}", body)


_TEXT = "return document.body.innerText"


@contextmanager
def open_browser(folder: Path) -> Iterator[Browser]:
    """Have one with a new profile in `folder` while the block runs."""
    assert not missing(), f"install {missing()}"
    with (folder / "chromedriver.log").open("wb") as log:
        driver = subprocess.Popen(
            ["chromedriver", "--port=0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        port = _port_of(driver)
        options = {"args": [*_OPTIONS, f"--user-data-dir={folder / 'profile'}"]}
        wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
        session = _ask(port, "POST", "/session", wanted)["sessionId"]
        try:
            yield Browser(port, session)
        finally:
            _ask(port, "DELETE", f"/session/{session}", None)
    finally:
        driver.terminate()
        driver.communicate(timeout=_PATIENCE_S)


def _port_of(driver: subprocess.Popen[str]) -> int:
    assert driver.stdout is not None
    for line in driver.stdout:
        if "successfully on port " in line:
            return int(line.rpartition("on port ")[2].strip(" .\n"))
    raise AssertionError("chromedriver has not started")


def _ask(port: int, method: str, path: str, body: dict[str, Any] | None) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        said = json.loads(answer.read())["value"]
    finally:
        connection.close()
    assert answer.status == 200, said
    return said
