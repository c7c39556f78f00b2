"""A page in a real browser: Chromium without a screen and without a network."""

import json
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from functools import cached_property
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import matplotlib.image
import numpy as np

WIDTH_PIXELS, HEIGHT_PIXELS = 1300, 4800
_OPTIONS = (
    "--headless",
    "--no-sandbox",  # tests may run as root
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--enable-logging=stderr",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--virtual-time-budget=10000",
    f"--window-size={WIDTH_PIXELS},{HEIGHT_PIXELS}",
)

# What a page finds when its plots are drawn: words of one plot over each other, words beyond its edge, and elements
# wider than the window that nothing scrolls.
_MEASURE = """
addEventListener("load", () => setTimeout(() => {
  const over = [], cut = [], wide = [];
  for (const plot of document.querySelectorAll(".js-plotly-plot")) {
    const edge = plot.getBoundingClientRect();
    const words = [...plot.querySelectorAll("svg text")].map((text) => [text.textContent, text.getBoundingClientRect()])
      .filter(([word, box]) => word.trim() && box.width);
    words.forEach(([word, box], index) => {
      if (box.left < edge.left - 1 || box.right > edge.right + 1 || box.bottom > edge.bottom + 1) cut.push(word);
      for (const [other, against] of words.slice(index + 1))
        if (Math.min(box.right, against.right) - Math.max(box.left, against.left) > 2 &&
            Math.min(box.bottom, against.bottom) - Math.max(box.top, against.top) > 3) over.push(`${word} | ${other}`);
    });
  }
  if (document.documentElement.scrollWidth > innerWidth) wide.push(`${document.documentElement.scrollWidth}`);
  for (const box of document.querySelectorAll(".tables"))
    if (innerWidth > 1000 && box.scrollWidth > box.clientWidth) wide.push(box.textContent.slice(0, 60));
  parent.postMessage(JSON.stringify({ over, cut, wide }), "*");
}, 1500));
"""
_LISTEN = 'addEventListener("message", (told) => { document.querySelector("pre").textContent = told.data; });'


@dataclass
class Plot:
    """What the browser has drawn of a plot: its width, how many marks it has, and its words."""

    width_pixels: int = 0
    marks: int = 0
    words: list[str] = field(default_factory=list)


class _Drawn(HTMLParser):
    """Finds the plots in a page as the browser holds it once its scripts have run."""

    def __init__(self, dom: str) -> None:
        super().__init__()
        self.plots: dict[str, Plot] = {}
        self._plot: Plot | None = None
        self._depth = 0
        self.feed(dom)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if self._plot is None and given.get("id", "").startswith("plot-"):
            self._plot = self.plots[given["id"]] = Plot()
            self._depth = 0
        if self._plot is None:
            return
        self._depth += tag == "div"
        kinds = given.get("class", "").split()
        if "main-svg" in kinds:
            self._plot.width_pixels = max(self._plot.width_pixels, round(float(given["width"])))
        self._plot.marks += "point" in kinds

    def handle_endtag(self, tag: str) -> None:
        self._depth -= tag == "div"
        if self._depth == 0:
            self._plot = None

    def handle_data(self, text: str) -> None:
        if self._plot is not None and text.strip():
            self._plot.words.append(text.strip())


@dataclass(frozen=True)
class OpenedPage:
    """A page as a browser shows it."""

    file: Path

    @cached_property
    def plots(self) -> dict[str, Plot]:
        """What is drawn, by the plot's id."""
        return _Drawn(self._run("--dump-dom")).plots

    def pixels_by_colour(self, picture: Path) -> dict[str, int]:
        """Takes a picture of the page; gives how many pixels there are of each colour, written like #1d4e89."""
        self._run(f"--screenshot={picture}")
        levels = (matplotlib.image.imread(picture)[:, :, :3] * 255).round().astype(np.int64)
        colours, pixels = np.unique(levels @ (1 << 16, 1 << 8, 1), return_counts=True)
        return {f"#{colour:06x}": int(number) for colour, number in zip(colours, pixels, strict=True)}

    def printed(self, pdf: Path) -> bytes:
        """Prints the page to a file; gives what that holds."""
        self._run(f"--print-to-pdf={pdf}", "--no-pdf-header-footer")
        return pdf.read_bytes()

    def overlaps_and_overflows(self, width_pixels: int) -> dict[str, list[str]]:
        """Lays the page out in a window of a width; gives the words of plots that lie over each other or are cut.

        In a frame, for Chromium opens no window narrower than 500 pixels; the page tells what it finds to its frame.
        """
        text = self.file.read_text(encoding="utf-8")
        inner = self.file.with_suffix(".inner.html")
        inner.write_text(text.replace("</body>", f"<script>{_MEASURE}</script></body>"), encoding="utf-8")
        outer = OpenedPage(self.file.with_suffix(f".{width_pixels}.html"))
        frame = f'<iframe src="{inner.name}" style="width:{width_pixels}px;height:3000px;border:0"></iframe>'
        outer.file.write_text(f"<!DOCTYPE html><body>{frame}<pre></pre><script>{_LISTEN}</script></body>")
        found = re.search(r"<pre>(.+?)</pre>", outer._run("--dump-dom"), re.DOTALL)
        assert found, "the page has told nothing"
        told: dict[str, list[str]] = json.loads(unescape(found[1]))
        return told

    def printed_pages(self) -> list[tuple[int, int]]:
        """Prints the page; gives the height of what is printed on each sheet, and that of the sheet, in pixels."""
        pdf = self.file.with_suffix(".pdf")
        self._run("--no-pdf-header-footer", f"--print-to-pdf={pdf}")
        prefix = self.file.with_suffix("")
        command = ["pdftoppm", "-r", "40", "-png", str(pdf), str(prefix)]
        subprocess.run(command, capture_output=True, timeout=60, check=True)
        sheets = []
        for picture in sorted(self.file.parent.glob(f"{prefix.name}-[0-9]*.png")):
            levels = matplotlib.image.imread(picture)[:, :, :3].min(axis=(1, 2))
            assert levels.size < matplotlib.image.imread(picture).shape[1], "a sheet is in portrait"
            sheets.append((int(np.flatnonzero(levels < 1).max(initial=0)), levels.size))
        return sheets

    def _run(self, *options: str) -> str:
        names = ("chromium", "chromium-browser", "google-chrome")
        browser = next(filter(None, map(shutil.which, names)), None)
        assert browser, "Chromium is not installed"
        profile = self.file.with_suffix(".profile")
        command = [browser, *_OPTIONS, f"--user-data-dir={profile}", *options, self.file.as_uri()]
        result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        # Errors of a script, and whatever the page was not allowed to fetch.
        complaints = [line for line in result.stderr.splitlines() if "CONSOLE" in line]
        assert not complaints, complaints
        return result.stdout
