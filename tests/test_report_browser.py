"""The listening report in a browser: it plays, switches, sorts, and rates, and asks no network."""

from __future__ import annotations

import csv
import re
import shutil

import pytest

from torch_specinv import report
from torch_specinv.comparing import Clip
from torch_specinv.comparing.signals import music_like, speech_like

pytestmark = pytest.mark.slow
SR = 16000
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
    "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium: apt-get install chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    clips = [Clip("one", speech_like(SR, 2.0), SR), Clip("two & <two>", music_like(SR, 1.5), SR)]
    entries = list(report.gather(clips, ["griffin_lim", "pghi"], max_iter=4, n_fft=256))
    path = tmp_path_factory.mktemp("report") / "page.html"
    report.write_texts({path: report.report_page(entries)})
    return path


@pytest.fixture(params=[400, 1600])
def page(request, browser, file):
    """The page at two widths, which may say nothing on the console and ask for nothing else."""
    opened = browser.new_page(viewport={"width": request.param, "height": 900})
    said, asked = [], []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("request", lambda r: asked.append(r.url))
    opened.goto(file.as_uri())
    yield opened
    width = opened.evaluate("document.documentElement.scrollWidth")
    opened.close()
    assert said == []
    assert {url for url in asked if not url.startswith(("data:", "blob:"))} == {file.as_uri()}
    assert width <= request.param


def clock(page, number=0):
    return float(page.locator(".clock").nth(number).inner_text().split()[0])


def test_it_plays_and_switches_at_the_same_position(page):
    clip = page.locator("section.clip").nth(0)
    clip.get_by_role("button", name="Play").click()
    page.wait_for_function("player.playing && player.position > 0.3")
    found = page.evaluate(
        """() => {
            const before = player.position;
            const began = performance.now();
            views[0].buttons[1].click();
            const took = performance.now() - began;
            return [before, player.position, took, player.playing];
        }"""
    )
    before, after, took, playing = found
    assert playing
    assert 0 <= after - before < 0.1
    assert took < 50
    page.wait_for_function("player.gains[1].gain.value > 0.95 && player.gains[0].gain.value < 0.05")
    assert clip.get_by_role("radio", name="griffin_lim").get_attribute("aria-checked") == "true"
    clip.get_by_role("button", name="Pause").click()
    stopped = clock(page)
    page.wait_for_timeout(200)
    assert clock(page) == stopped
    clip.get_by_role("button", name="Play").click()
    page.wait_for_function("player.playing")
    assert clock(page) >= stopped - 0.05


def test_all_sounds_are_heard_as_they_were_made(page):
    """What the browser decodes has the level that the page says."""
    levels = page.evaluate(
        """async () => {
            const buffers = await player.load(DATA.clips[0].sounds.map((sound) => sound.audio));
            return buffers.map((buffer) => {
                const samples = buffer.getChannelData(0);
                return Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length);
            });
        }"""
    )
    assert levels == pytest.approx([levels[0]] * 3, rel=0.02)
    assert levels[0] > 0.01


def test_keys_and_links(page):
    page.keyboard.press("2")
    assert "clip=one&method=griffin_lim" in page.url
    page.keyboard.press("ArrowRight")
    page.wait_for_function("views[0].slider.value >= 0.99")
    page.keyboard.press("Space")
    page.wait_for_function("player.playing")
    link = page.url.partition("#")[0] + "#clip=two+%26+%3Ctwo%3E&method=pghi"
    page.goto(link)
    radio = page.locator("section.clip").nth(1).get_by_role("radio", name="pghi")
    assert radio.get_attribute("aria-checked") == "true"
    radio.focus()
    page.keyboard.press("ArrowLeft")
    other = page.locator("section.clip").nth(1).get_by_role("radio", name="griffin_lim")
    assert other.get_attribute("aria-checked") == "true"
    assert page.evaluate("document.activeElement.textContent") == "griffin_lim"


def test_the_table_sorts(page):
    def rows():
        return page.locator("#means tbody tr th").all_inner_texts()

    values = page.evaluate(
        """() => [...document.querySelectorAll("#means tbody tr")]
            .map((row) => Number(row.cells[1].dataset.value))"""
    )
    by_value = [name for _, name in sorted(zip(values, rows(), strict=True))]
    head = page.locator("#means thead th").nth(1)
    head.get_by_role("button").click()
    assert rows() == by_value
    assert head.get_attribute("aria-sort") == "ascending"
    head.get_by_role("button").click()
    assert rows() == by_value[::-1]


def test_spectrograms_are_drawn(page):
    section = page.locator("section.clip").nth(0)
    section.scroll_into_view_if_needed()
    page.wait_for_function("views[0].canvas.width > 30")
    bright = """() => {
        const {width, height} = views[0].canvas;
        const context = element("canvas", {width, height})
            .getContext("2d", {willReadFrequently: true});
        context.drawImage(views[0].canvas, 0, 0);
        const pixels = context.getImageData(0, 0, width, height).data;
        let sum = 0;
        for (let i = 0; i < pixels.length; i += 4) sum += pixels[i] + pixels[i + 1] + pixels[i + 2];
        return sum / pixels.length;
    }"""
    page.wait_for_timeout(200)
    assert page.evaluate(bright) > 5
    section.get_by_role("button", name="Difference").click()
    section.get_by_role("radio", name="pghi").click()
    page.wait_for_timeout(300)
    label = page.evaluate("views[0].canvas.getAttribute('aria-label')")
    assert label == "difference to the reference: pghi"
    assert page.evaluate(bright) > 0
    wide = page.evaluate("views[0].inner.clientWidth")
    section.get_by_role("button", name="Zoom in").click()
    assert page.evaluate("views[0].inner.clientWidth") == pytest.approx(2 * wide, abs=2)


def test_a_blind_test_from_start_to_csv(page, tmp_path):
    page.get_by_role("button", name="Blind test: rate").click()
    clips, methods = 2, {"reference", "griffin_lim", "pghi", "anchor"}
    for number in range(clips):
        assert page.get_by_role("heading", name=f"Clip {number + 1} of 2").is_visible()
        text = page.locator("#mushra").inner_text()
        assert not any(name in text for name in ("griffin_lim", "pghi"))
        page.get_by_role("button", name="Sound 2").click()
        page.wait_for_function("player.playing && player.gains[2].gain.value > 0.9")
        sliders = page.get_by_role("slider")
        for i, slider in enumerate(sliders.all()):
            assert page.get_by_role("button", name="Next").is_disabled()
            slider.fill(str(10 * i + number))
        page.get_by_role("button", name="Next").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download ratings").click()
    path = tmp_path / "ratings.csv"
    download.value.save_as(path)
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert len(rows) == clips * len(methods)
    for name in ("one", "two & <two>"):
        assert {row["method"] for row in rows if row["clip"] == name} == methods
    assert sorted(int(row["rating"]) for row in rows) == [0, 1, 10, 11, 20, 21, 30, 31]
    assert "1 listeners" in report.summarise(report.read_ratings([path]))


def test_abx_from_start_to_csv(page, tmp_path):
    page.get_by_role("button", name="Blind test: ABX").click()
    page.get_by_label("A", exact=True).select_option("reference")
    page.get_by_label("B", exact=True).select_option("pghi")
    page.get_by_role("button", name="Start").click()
    for _ in range(3):
        page.get_by_role("button", name="X", exact=True).click()
        page.wait_for_function("player.playing")
        page.get_by_role("button", name="X is A").click()
    assert re.search(r"3 trials done, \d right", page.locator("#abx").inner_text())
    with page.expect_download() as download:
        page.get_by_role("button", name="Download answers").click()
    path = tmp_path / "abx.csv"
    download.value.save_as(path)
    ratings = report.read_ratings([path])
    assert len(ratings) == 3
    assert {rating.method for rating in ratings} == {"reference or pghi"}
    assert {rating.rating for rating in ratings} <= {0, 1}


def test_it_is_accessible(page):
    """Axe-core finds nothing, in all three views."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    for name in ("Compare", "Blind test: rate", "Blind test: ABX"):
        page.get_by_role("button", name=name).click()
        found = axe.run(page).response["violations"]
        assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
