"""The report's page in a real browser: no complaint, no network, by keyboard and by ear."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from helm_mattermost_migrate.fleets import fleet_of
from helm_mattermost_migrate.report.html import html
from helm_mattermost_migrate.report.record import Record, entries
from helm_mattermost_migrate.report.waves import wave_records
from mattermost_migrate.testing.browser import Browser
from mattermost_migrate.testing.migrated import BEGAN, fleet_over, migrations_over

MANY = 3000
SHOWN = "document.getElementById('shown').textContent"
FOCUS = "(e => e.id || e.textContent.trim())(document.activeElement)"
#: Contrast of text on what it stands on, as WCAG 2 computes it, of every element that has text.
CONTRAST = """
(() => {
  const light = (c) => {
    const [r, g, b] = c.match(/[\\d.]+/g).map((v) => v / 255)
      .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (e) => {
    for (let at = e; at; at = at.parentElement) {
      const c = getComputedStyle(at).backgroundColor;
      if (!/, 0\\)$|transparent/.test(c)) return c;
    }
    return "rgb(255, 255, 255)";
  };
  const poor = [];
  for (const e of document.querySelectorAll("body *:not(script):not(style):not(noscript)")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.getClientRects().length || e.closest("svg, :disabled")) continue;
    const [a, b] = [light(getComputedStyle(e).color), light(ground(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(`${e.tagName} ${e.textContent.trim().slice(0, 20)} ${ratio}`);
  }
  return poor;
})()
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of three thousand."""
    members = migrations_over(MANY)
    record = Record(
        "every namespace",
        BEGAN + timedelta(hours=1),
        entries((), members),
        fleets=(fleet_of(fleet_over(members)),),
        waves=wave_records([fleet_over(members)], members),
        environment={"Kubernetes": "v1.36.3"},
    )
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(html(record), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture
def shown(browser: Browser, page: Path) -> Iterator[Browser]:
    """The page, freshly opened; in the end it must have complained of nothing."""
    browser.complaints.clear()
    browser.requests.clear()
    browser.prefer("light")
    browser.resize(1280, 900)
    browser.open(page)
    yield browser
    assert browser.complaints == []
    assert browser.requests == [page.as_uri()]


def settled(browser: Browser) -> None:
    """What is typed is searched for a moment later."""
    browser.run("new Promise((done) => setTimeout(done, 200))")


def test_three_thousand_are_searched_sorted_and_filtered(shown: Browser) -> None:
    assert shown.run(SHOWN) == f"1-100 of {MANY} shown, {MANY} in all"
    assert shown.run("document.querySelectorAll('#rows tr').length") == 100

    shown.run("document.getElementById('search').focus()")
    shown.type("team-007 chat-0213")
    settled(shown)
    assert shown.run(SHOWN) == f"1-1 of 1 shown, {MANY} in all"
    assert shown.run("document.querySelector('.open').textContent") == "team-007/chat-0213"

    shown.run("document.querySelector('[type=reset]').click()")
    settled(shown)
    choose = "(s => { s.value = 'rolled back'; s.dispatchEvent(new Event('change')); })"
    shown.run(f"{choose}(document.getElementById('by-result'))")
    results = "[...new Set([...document.querySelectorAll('#rows td:nth-child(2)')]"
    assert shown.run(f"{results}.map((cell) => cell.textContent))]") == ["rolled back: RolledBack"]

    shown.run("document.querySelector('[type=reset]').click()")
    settled(shown)
    cells = "[...document.querySelectorAll('#rows td:nth-child(6)')]"
    shown.run("document.querySelector('[data-by=seconds] button').click()")
    shown.run("document.querySelector('[data-by=seconds] button').click()")
    longest = shown.run(f"{cells}.map((cell) => parseFloat(cell.textContent))")
    assert longest == sorted(longest, reverse=True)
    assert shown.run("document.querySelector('[data-by=seconds]').ariaSort") == "descending"


def test_it_is_drawn_fast_enough_to_be_used(shown: Browser) -> None:
    timed = "((f) => { const t = performance.now(); f(); return performance.now() - t; })"
    sort = "() => document.querySelector('[data-by=path] button').click()"
    zoom = "() => document.getElementById('zoom').click()"

    # Measured: 20 ms and 30 ms; the bound is for a busy machine.
    assert shown.run(f"{timed}({sort})") < 1000
    assert shown.run(f"{timed}({zoom})") < 1000


def test_each_line_of_the_timeline_leads_to_its_installation(shown: Browser) -> None:
    shown.run("document.getElementById('zoom').click()")
    assert shown.run("document.getElementById('scroll').scrollHeight") > 30_000
    shown.run(
        "(s => { const box = s.getBoundingClientRect();"
        " s.dispatchEvent(new PointerEvent('pointermove', {clientX: box.x, clientY: box.y + 5}));"
        " s.dispatchEvent(new MouseEvent('click', {clientX: box.x, clientY: box.y + 5})); })"
        "(document.getElementById('gantt'))"
    )

    assert "succeeded" in shown.run("document.getElementById('pointed').textContent")
    assert shown.run(SHOWN).startswith("1-1 of 1 shown")
    assert shown.run("document.querySelector('.more').textContent").startswith("Changed")


def test_everything_can_be_done_by_keyboard(shown: Browser) -> None:
    shown.press("Tab")
    assert shown.run(FOCUS) == "Skip to the installations"
    shown.press("Enter", text="\r")
    assert shown.run("document.activeElement.id") == "installations"
    shown.press("/", text="/")
    assert shown.run(FOCUS) == "search"
    assert shown.run("document.activeElement.value") == ""
    shown.type("chat-0007")
    settled(shown)
    wanted = "team-000/chat-0007"
    for _ in range(20):
        shown.press("Tab")
        if shown.run(FOCUS) == wanted:
            break
    assert shown.run(FOCUS) == wanted
    shown.press("Enter", text="\r")

    assert shown.run("document.activeElement.ariaExpanded") == "true"
    assert shown.run("document.querySelectorAll('.more').length") == 1
    assert shown.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_a_screen_reader_finds_its_way(shown: Browser) -> None:
    spoken = shown.spoken()
    names = {role: [name for each, name in spoken if each == role] for role, _ in spoken}

    assert names["heading"][0] == "Mattermost migration report"
    assert {"Timeline", "Durations", "Installations", "Environment"} <= set(names["heading"])
    assert {"banner", "main", "navigation", "search", "status"} <= set(names)
    assert any("migrations over" in name for name in names["image"])
    assert "Search" in names["searchbox"][0]
    assert all(names["button"])
    assert all(name for role in ("combobox", "columnheader", "link") for name in names[role])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_can_be_read_in_light_and_dark_wide_and_narrow(
    shown: Browser, scheme: str, width: int, tmp_path: Path
) -> None:
    shown.prefer(scheme)
    shown.resize(width, 844)
    shown.run("document.querySelector('.open').click()")

    shown.until(f"document.documentElement.dataset.theme === '{scheme}'")
    assert shown.run(CONTRAST) == []
    assert shown.run("document.documentElement.scrollWidth") <= width
    picture = tmp_path / "page.png"
    shown.picture(picture)
    assert picture.stat().st_size > 20_000


def test_the_button_overrules_the_system(shown: Browser) -> None:
    shown.run("document.getElementById('theme').click()")
    shown.prefer("light")

    assert shown.run("document.documentElement.dataset.theme") == "dark"
    assert shown.run("document.getElementById('theme').ariaPressed") == "true"
