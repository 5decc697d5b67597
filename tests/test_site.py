"""The built documentation: links, downloads, the search, and what a browser makes of it.

``sphinx-build -W -b html docs html && TORCH_SPECINV_SITE=html python -m pytest -m site``
"""

from __future__ import annotations

import functools
import os
import re
import threading
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.test_reference import NAMES, SHOWN
from tests.test_report_browser import browser  # noqa: F401, a fixture

pytestmark = pytest.mark.site
SITE = Path(os.environ.get("TORCH_SPECINV_SITE", "docs/_build/html"))
NOTEBOOKS = ("quickstart", "streaming_a_long_array", "tts_without_a_vocoder")
LOOKED_AT = (
    "index.html",
    "quickstart.html",
    "hear.html",
    "recipes.html",
    "mel.html",
    "api.html",
    "reference/losses.html",
    "api/torch_specinv.invert.html",
    "notebooks/quickstart.html",
)


def text_of(page):
    return (SITE / page).read_text(encoding="utf-8")


def links(page):
    return [unescape(link) for link in re.findall(r'(?:href|src)="([^"]+)"', text_of(page))]


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_has_its_page(name):
    page = text_of(f"api/{SHOWN['FILES'].get(name, name)}.html")
    assert f'id="{name}"' in page
    for member in filter(None, SHOWN["MEMBERS"].get(name, "").split(", ")):
        assert f'id="{name}.{member}"' in page


def test_what_pages_link_is_there():
    """Pages and files that belong to the site, and the places within them."""
    missing = set()
    for page in SITE.rglob("*.html"):
        inside = page.relative_to(SITE).as_posix()
        if inside.startswith("_modules/"):
            continue  # Sphinx links back from sources by other names
        for link in links(inside):
            address = urlsplit(link)
            if address.scheme or address.netloc:
                continue
            target = page.parent / unquote(address.path) if address.path else page
            if not target.exists():
                missing.add((inside, link))
            elif address.fragment and target.suffix == ".html" and "_modules" not in link:
                ids = ids_of(target.resolve())
                if unquote(address.fragment) not in ids:
                    missing.add((inside, link))
    assert missing == set()


@functools.cache
def ids_of(page):
    return {"", *map(unescape, re.findall(r'\bid="([^"]+)"', page.read_text(encoding="utf-8")))}


def test_names_of_other_packages_are_links():
    page = links("api/torch_specinv.invert.html")
    assert "https://docs.pytorch.org/docs/stable/tensors.html#torch.Tensor" in page
    assert "https://docs.python.org/3/library/stdtypes.html#str" in page
    assert "https://docs.pytorch.org/docs/stable/generated/torch.stft.html#torch.stft" in links(
        "api/torch_specinv.STFT.html"
    )
    assert any("matplotlib.org" in link for link in links("api/torch_specinv.plots.specshow.html"))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebooks_can_be_downloaded_with_the_package(name):
    page = f"notebooks/{name}.html"
    files = [link.rpartition("/")[2] for link in links(page) if "_downloads" in link]
    assert f"{name}.ipynb" in files
    assert any(re.fullmatch(r"torch_specinv-[\w.]+\.tar\.gz", file) for file in files)
    assert "Colab" in text_of(page)


def test_scripts_can_be_downloaded():
    for page in ("recipes.html", "examples.html"):
        assert sum(link.endswith(".py") for link in links(page)) >= 3


@pytest.fixture(scope="module")
def address():
    """Serve the site, as its search reads pages, which browsers refuse for files."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format, *args):  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture(params=[400, 1600])
def page(request, browser, address):  # noqa: F811
    """A page that may say nothing on the console, ask nobody else, and be no wider than that."""
    opened = browser.new_page(viewport={"width": request.param, "height": 900})
    said, asked = [], []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("request", lambda r: asked.append(r.url))
    yield opened
    width = opened.evaluate("document.documentElement.scrollWidth")
    opened.close()
    assert said == []
    own = (address, "data:", "blob:")
    assert [url for url in asked if not url.startswith(own)] == []
    assert width <= request.param


@pytest.mark.parametrize("name", LOOKED_AT)
def test_pages_fit_and_are_quiet(page, address, name):
    page.goto(f"{address}/{name}")
    assert page.locator("h1").count() == 1


def test_the_front_page_sounds(page, address):
    page.goto(f"{address}/index.html")
    players = page.locator("table.players audio")
    assert players.count() == 4
    for player in players.all():
        assert player.get_attribute("aria-label")
    player = players.nth(3)
    player.evaluate("(player) => player.play()")
    page.wait_for_function(
        "document.querySelectorAll('table.players audio')[3].currentTime > 0.2", timeout=5000
    )
    assert player.evaluate("(player) => player.duration") == pytest.approx(2, abs=0.05)


def test_tabs_switch(page, address):
    page.goto(f"{address}/quickstart.html")
    command = page.get_by_text("specinv invert predicted.npy")
    assert not command.is_visible()
    page.locator("label.sd-tab-label", has_text="Command line").first.click()
    assert command.is_visible()
    # the others on the page follow
    assert page.get_by_text("specinv invert written.npy").is_visible()
    page.locator("label.sd-tab-label", has_text="uv").first.click()
    assert page.get_by_text("uv venv").is_visible()


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("colab", "examples.html"),
        ("cluster", "corpus.html"),
        ("batch", "quickstart.html"),
        ("batch lengths", "quickstart.html"),
        ("lightning", "recipes.html"),
        ("mel presets", "mel.html"),
        ("mel_to_audio", "api/torch_specinv.mel_to_audio.html"),
    ],
)
def test_the_search_finds(page, address, words, wanted):
    page.goto(f"{address}/search.html?q={words.replace(' ', '+')}")
    page.wait_for_function("document.querySelectorAll('ul.search li').length > 0")
    page.wait_for_function("!document.querySelector('#search-progress')?.textContent.includes('.')")
    found = page.locator("ul.search li > a").evaluate_all("all => all.map((a) => a.pathname)")
    assert f"/{wanted}" in found[:15]


def test_it_is_accessible(page, address):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    for name in ("index.html", "quickstart.html", "hear.html"):
        page.goto(f"{address}/{name}")
        found = axe.run(page).response["violations"]
        assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
