"""Open every page of a built site in headless Chromium, at a phone's and a desktop's width, served on loopback.

Complains of errors in the console, broken pictures, and pages wider than the window; then searches for words that must
be found. Needs selenium, Chromium and its driver (Debian: chromium, chromium-driver).

    python docs/check_in_browser.py docs/_build/html [--shots FOLDER] [--dark] [--only TEXT]
"""

import argparse
import base64
import functools
import http.server
import shutil
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

WIDTHS = {"phone": (390, 844), "desktop": (1280, 900)}
WANTED = "duality gap"                          # the search must find it
PATIENCE = 15                                   # seconds that a search may take
# Chromium must not look for updates or report anything: there may be no network.
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update", "--hide-scrollbars", "--mute-audio",
         "--disable-dev-shm-usage", "--force-prefers-reduced-motion")
BROKEN = """return [...document.images].filter(i => i.getAttribute('src') && i.loading !== 'lazy' || i.complete)
    .filter(i => i.getClientRects().length && (!i.complete || !i.naturalWidth)).map(i => i.getAttribute('src'))"""
TOO_WIDE = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
FOUND = "return document.querySelectorAll('#search-results ul.search li').length"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server of files that prints nothing."""

    def log_message(self, format, *args):
        """Say nothing."""


def serve(folder):
    """Serve a folder on a free port of loopback; return its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


def browser(profile):
    """Return Chromium, driven."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))


def set_width(driver, name):
    """Make the window that of a phone or of a desktop."""
    width, height = WIDTHS[name]
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": width, "height": height, "deviceScaleFactor": 1, "mobile": name == "phone"})


def complaints(driver):
    """Yield what is wrong with the page that is open."""
    for entry in driver.get_log("browser"):
        if entry["level"] in {"SEVERE", "WARNING"}:
            yield f"console: {entry['message']}"
    for source in driver.execute_script(BROKEN):
        yield f"broken picture: {source}"
    if (excess := driver.execute_script(TOO_WIDE)) > 0:
        yield f"{excess} pixels wider than the window"


def search(driver, address):
    """Yield a complaint if the search does not find what it must."""
    driver.get(f"{address}/search.html?q={WANTED.replace(' ', '+')}")
    end = time.monotonic() + PATIENCE
    while not driver.execute_script(FOUND):
        if time.monotonic() > end:
            yield f"the search does not find {WANTED!r}"
            return
        time.sleep(0.1)
    yield from complaints(driver)


def shoot(driver, file):
    """Write a picture of the whole page."""
    height = driver.execute_script("return document.documentElement.scrollHeight")
    picture = driver.execute_cdp_cmd("Page.captureScreenshot", {
        "captureBeyondViewport": True, "clip": {"x": 0, "y": 0, "scale": 1, "height": min(height, 6000),
                                                "width": driver.execute_script("return innerWidth")}})
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(base64.b64decode(picture["data"]))


def visit(driver, address, names, width, shots):
    """Open pages at a width; yield (page, complaint)."""
    set_width(driver, width)
    for name in names:
        driver.get(f"{address}/{name}")
        yield from ((name, complaint) for complaint in complaints(driver))
        if shots:
            shoot(driver, shots / width / f"{name.replace('/', '-')}.png")
    yield from (("search", complaint) for complaint in search(driver, address))
    if shots:
        shoot(driver, shots / width / "search-results.png")


def at_width(width, address, names, options):
    """Return what is wrong at a width, in a browser of its own."""
    with tempfile.TemporaryDirectory() as profile:
        driver = browser(profile)
        try:
            if options.dark:
                driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
                    "features": [{"name": "prefers-color-scheme", "value": "dark"}]})
            return [(name, width, complaint) for name, complaint in visit(driver, address, names, width, options.shots)]
        finally:
            driver.quit()


def pages(folder, only):
    """Return the names of the pages of a site."""
    names = [file.relative_to(folder).as_posix() for file in sorted(folder.rglob("*.html"))
             if "_static" not in file.relative_to(folder).parts]
    return [name for name in names if only in name]


def main(arguments=None):
    """Visit the pages; return 1 if there is anything to complain of."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shots", type=Path, help="folder for pictures of the pages")
    parser.add_argument("--dark", action="store_true", help="in the dark theme")
    parser.add_argument("--only", default="", help="only pages with this in their name")
    options = parser.parse_args(arguments)
    address, names = serve(options.folder), pages(options.folder, options.only)
    with ThreadPoolExecutor(len(WIDTHS)) as pool:
        found = list(chain.from_iterable(pool.map(lambda width: at_width(width, address, names, options), WIDTHS)))
    for name, width, complaint in found:
        print(f"{name} ({width}): {complaint}")
    print(f"{len(names)} pages at {len(WIDTHS)} widths, {len(found)} complaints")
    return 1 if found or not names else 0


if __name__ == "__main__":
    sys.exit(main())
