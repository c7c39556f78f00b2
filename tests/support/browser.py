"""A page in a real browser: Chromium without a screen and without a network."""

import shutil
import subprocess
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path

import matplotlib.image
import numpy as np

WIDTH_PIXELS, HEIGHT_PIXELS = 1300, 3400
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
