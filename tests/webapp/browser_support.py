"""A real Chromium and a real ``lead webapp`` process, for the browser tests and for ``benchmarks/webapp.py``.

Run as a script (``make browser``) it says which Chromium the tests will use, and downloads one if there is none. It
always succeeds: without a browser the browser tests are skipped, nothing else is.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from public_results import BITS, CELLS_HEIGHT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Download, Page, Playwright, Request, Response

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = "LEAD_TEST_CHROMIUM"
COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DOWNLOAD = "chromium-headless-shell"
ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
ADVICE = (
    f"install one with `apt-get install chromium` or `.venv/bin/playwright install --with-deps {DOWNLOAD}`, or name "
    f"one with {VARIABLE}"
)
LOCAL_HOSTS = ("127.0.0.1", "localhost")
ABORTED = "net::ERR_ABORTED"
"""What a request ends with that the page no longer wants: the rest of a video after a seek, an answer after a click."""
START_LIMIT_S = 60.0
STOP_LIMIT_S = 10.0
DOWNLOAD_LIMIT_S = 300.0
LAUNCH_LIMIT_S = 60.0
READY_LIMIT_S = 60.0
POLL_MS = 20.0
READ_FRAME = """([bits, height]) => {
  const video = document.querySelector("#video");
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(video, 0, 0);
  let number = 0;
  for (let bit = 0; bit < bits; bit++) {
    const x = Math.floor(((bit + 0.5) * canvas.width) / bits);
    if (context.getImageData(x, height / 2, 1, 1).data[1] > 127) number += 2 ** bit;
  }
  return number;
}"""


class NoBrowserError(Exception):
    """No Chromium can be started; the text says what to install."""


def launch_chromium(playwright: Playwright) -> Browser:
    """Start the first Chromium that works: ``LEAD_TEST_CHROMIUM``, else one on PATH, else playwright's own.

    Raises:
        NoBrowserError: If there is none.
        RuntimeError: If the one that the environment names does not start; an explicit wish must not go unnoticed.
    """
    from playwright.sync_api import Error

    named = os.environ.get(VARIABLE)
    candidates: list[str | None] = [named] if named else [path for name in COMMANDS if (path := shutil.which(name))]
    if not named:
        candidates.append(None)
    # The sandbox cannot be used by root, as in containers.
    arguments = [*ARGUMENTS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    reasons = []
    for path in candidates:
        try:
            return playwright.chromium.launch(
                executable_path=path, headless=True, args=arguments, timeout=1000 * LAUNCH_LIMIT_S
            )
        except Error as error:
            reasons.append(f"{path or 'the one of playwright'}: {error.message.strip().splitlines()[0]}")
    if named:
        raise RuntimeError(f"{VARIABLE} names a Chromium that does not start: {reasons[0]}")
    raise NoBrowserError(f"no Chromium can be started; {ADVICE} ({'; '.join(reasons)})")


class Dashboard:
    """A ``lead webapp`` process on a free port, stopped by its own handle."""

    def __init__(self, root: Path, log: Path, *options: str) -> None:
        """Describe the process.

        Args:
            root: Folder to show.
            log: File for its output.
            options: Further words of the command line.
        """
        self.root = root
        self.url = ""
        self._log = log
        self._command = [sys.executable, "-m", "lead", "webapp", str(root), "--port", "0", *options]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Dashboard:
        """Start it and wait until it answers."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it, and complain if something went wrong inside it."""
        code = self.stop()
        if error is None:
            assert code == 0, f"lead webapp ended with {code}: {self.log_text()}"
            assert "Traceback" not in self.log_text(), f"an error in the dashboard: {self.log_text()}"

    def link(self, **query: str | int | float) -> str:
        """Return the address of the page with parameters."""
        return f"{self.url}?{urlencode(query)}" if query else self.url

    def get(self, path: str, **query: str | int | float) -> bytes:
        """Ask the server for something, without a browser."""
        address = f"{self.url}{path.lstrip('/')}?{urlencode(query)}"
        with urllib.request.urlopen(address, timeout=START_LIMIT_S) as answer:
            return bytes(answer.read())

    def log_text(self) -> str:
        """Return what it printed."""
        return self._log.read_text(errors="replace")

    def stop(self) -> int:
        """End it and return its exit code; safe to call twice."""
        process = self._process
        assert process is not None, "not started"
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
        return process.wait()

    def _wait_until_it_answers(self) -> None:
        assert self._process is not None
        deadline_s = time.monotonic() + START_LIMIT_S
        while not self.url:
            if self._process.poll() is not None:
                raise RuntimeError(f"lead webapp ended with {self._process.returncode}: {self.log_text()}")
            assert time.monotonic() < deadline_s, f"lead webapp did not start in {START_LIMIT_S} s: {self.log_text()}"
            found = re.search(r"http://127\.0\.0\.1:\d+/", self.log_text())
            self.url = found.group() if found else ""
            time.sleep(0.01)
        while True:
            try:
                urllib.request.urlopen(self.url, timeout=START_LIMIT_S).close()
                return
            except urllib.error.URLError:
                assert time.monotonic() < deadline_s, f"lead webapp does not answer: {self.log_text()}"
                time.sleep(0.01)


class PageWatch:
    """Collects whatever goes wrong in a page: errors, failed requests, requests to other machines."""

    def __init__(self, page: Page) -> None:
        """Watch a page from now on."""
        self.problems: list[str] = []
        self._allowed: list[re.Pattern[str]] = []
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.problems.append(f"error in the page: {error}"))
        page.on("request", self._on_request)
        page.on("requestfailed", self._on_failure)
        page.on("response", self._on_response)

    def allow(self, pattern: str) -> None:
        """Expect problems whose text a regular expression finds; those of a refused request are two, each with it."""
        self._allowed.append(re.compile(pattern))

    def unexpected(self) -> list[str]:
        """Return the problems that were not expected."""
        return [text for text in self.problems if not any(pattern.search(text) for pattern in self._allowed)]

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"console {message.type}: {message.text} ({message.location['url']})")

    def _on_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.hostname not in LOCAL_HOSTS:
            self.problems.append(f"request to another machine: {request.url}")

    def _on_failure(self, request: Request) -> None:
        if request.failure != ABORTED:
            self.problems.append(f"request failed: {request.url}: {request.failure}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400:
            self.problems.append(f"request refused: {response.status} {response.url}")


def open_page(page: Page, address: str) -> None:
    """Load an address of the dashboard and wait until everything that it asks for is shown."""
    page.goto(address, timeout=1000 * READY_LIMIT_S)
    wait_until_ready(page)


def wait_until_ready(page: Page) -> None:
    """Wait until the page shows everything requested so far."""
    page.wait_for_selector("body.ready", timeout=1000 * READY_LIMIT_S)


def wait_for(page: Page, expression: str, limit_s: float = READY_LIMIT_S) -> Any:
    """Wait until a JavaScript expression is true and return its value.

    Playwright's own ``wait_for_function`` is refused by the page's content security policy.
    """
    deadline_s = time.monotonic() + limit_s
    while not (value := page.evaluate(expression)):
        assert time.monotonic() < deadline_s, f"waited {limit_s} s in vain for {expression}"
        page.wait_for_timeout(POLL_MS)
    return value


def shown_frame(page: Page) -> int:
    """Return the number that the frame on the screen carries; for videos of :mod:`public_results`."""
    return int(page.evaluate(READ_FRAME, [BITS, CELLS_HEIGHT]))


def has_h264(page: Page) -> bool:
    """Tell whether the browser plays H.264; some builds of Chromium do not."""
    return bool(page.evaluate("document.createElement('video').canPlayType('video/mp4; codecs=\"avc1.42E01E\"')"))


def downloaded(page: Page, action: Callable[[], object], folder: Path) -> Path:
    """Do something that makes the browser download a file; return the file, under the name the browser was told.

    Args:
        page: The page.
        action: What starts the download, such as a click.
        folder: Where to put the file.
    """
    with page.expect_download(timeout=1000 * READY_LIMIT_S) as coming:
        action()
    download: Download = coming.value
    path = folder / download.suggested_filename
    download.save_as(path)
    return path


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running Chromium.

    Raises:
        NoBrowserError: If there is none.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = launch_chromium(playwright)
        try:
            yield browser
        finally:
            browser.close()


def provide_browser() -> str:
    """Make sure that there is a Chromium if possible, and return a sentence about it."""
    try:
        with chromium() as browser:
            return f"the browser tests use Chromium {browser.version}"
    except NoBrowserError:
        pass
    command = [sys.executable, "-m", "playwright", "install", DOWNLOAD]
    try:
        subprocess.run(command, check=True, timeout=DOWNLOAD_LIMIT_S, stdin=subprocess.DEVNULL, capture_output=True)
        with chromium() as browser:
            return f"the browser tests use Chromium {browser.version}, downloaded by playwright"
    except subprocess.CalledProcessError as error:
        reason = next(iter(error.stderr.decode(errors="replace").strip().splitlines()), "playwright does not say why")
    except (OSError, subprocess.TimeoutExpired, NoBrowserError) as error:
        reason = str(error)
    return f"THE BROWSER TESTS WILL BE SKIPPED: {reason}; {ADVICE}"


if __name__ == "__main__":
    try:
        sentence = provide_browser()
    except Exception as error:
        sentence = f"THE BROWSER TESTS WILL FAIL: {error}"
    sys.stdout.write(f"== {sentence}\n")
