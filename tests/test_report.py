"""`python -m stop.report`: one file that shows a run, in a real browser too; hostile text can do nothing in it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browser import BROWSER, Page
from conftest import Said, run_json, said_by
from hypothesis import given, settings
from hypothesis import strategies as st

import stop
from stop.lineage import Decision, ImproverRun, Spent, Version
from stop.records import Records
from stop.report.__main__ import main
from stop.report.sources import packed
from stop.run import main as run_main
from stop.scaffold import digest
from stop.utility import Outcome

HOSTILE = (
    "</script><script>window.ran=1</script><img src=x onerror=window.ran=1><svg onload=window.ran=1><!--<script> "
    "<iframe src=https://example.org></iframe>${window.ran=1} \u2028\u202e\x1b[2Jred\x1b]0;t\x07 javascript:ran=1"
)
NAME = "<img src=x onerror=window.ran=1>"
in_browser = pytest.mark.skipif(BROWSER is None, reason="needs Chromium: none is on the PATH")


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    return said_by(main, capsys)


def made(out: Path, versions: int, said: str = "") -> Path:
    """A run folder by hand, of versions that branch, each with a source of its own; said: put into every text of it."""
    out.mkdir(parents=True)
    run = run_json(f"task{said}") | {"model": f"m{said}", "axes": {"target": said}, "packages": {"stop": said}}
    records = Records(out, run)
    lines: dict[str, list[dict]] = {}
    shas: list[str] = []
    for i in range(versions):
        text = "\n".join([*(f"line {n} of {i if n == i % 30 else 0}" for n in range(40)), f"# {said}"]) + "\n"
        shas.append(digest(text)[:12])
        (out / "sources" / f"{shas[i]}.py").write_bytes(text.encode())
        for name, rows in unit(i, shas, text, said).items():
            lines.setdefault(name, []).extend(rows)
    records.commit(lines)
    records.seal()
    records.close()
    return out


def unit(i: int, shas: list[str], text: str, said: str) -> dict[str, list[dict]]:
    """The lines of one step."""
    name, parent = f"step {i}", max(i - 1 - i % 7, 0) if i else None
    status = "seed" if parent is None else ("kept", "not_better", "failed")[i % 3]
    born = Version(
        i, shas[i], "" if parent is None else shas[parent], parent, i, i, status, 0.3 + i % 11 / 20, 0.02,
        0 if status == "failed" else 4, Spent(6, 10, 10, 0.0), said if status == "failed" else "",
    )  # fmt: skip
    evidence = {"child": 0.5, "parent": 0.4, said or "note": said}
    decided = Decision(i, i, "better", evidence, 4, None, i, status, "rule", f"why {said}")
    runs = [ImproverRun(f"task{said}", r, "ok", shas[i], 0.5, 0.4, {said or "scored": 8}, said) for r in range(8)]
    call = {
        "unit": name, "key": f"k{i}", "draw": "d", "model": "m", "system": {"text": f"system {said}"},
        "messages": [{"role": "user", "text": f"{text} {said}"}], "temperature": 0.7, "reply": f"reply {i} {said}",
        "input_tokens": 1, "output_tokens": 1, "usd": 0.0, "stop_reason": said or "end",
    }  # fmt: skip
    incident = {"unit": name, "kind": "unscorable", "task": f"task{said}", "sha": said, "detail": said}
    return {
        "calls.jsonl": [call],
        "outcomes.jsonl": [r.record(version=i, split="val", block=i, unit=name) for r in runs],
        "incidents.jsonl": [incident] if said else [],
        "lineage.jsonl": [born.record(name)],
        "decisions.jsonl": [decided.record(name)],
    }


def record(path: Path) -> dict:
    """The data inside a report."""
    return json.loads(path.read_text().split('id="record">')[1].split("</script>")[0])


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = made(tmp_path_factory.mktemp("runs") / NAME, 4, HOSTILE)
    assert main([str(out)]) == 0
    return out / "report.html"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = made(tmp_path_factory.mktemp("runs") / "plain", 9)
    assert main([str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def page(plain: Path) -> Iterator[Page]:
    with Page(plain / "report.html") as opened:
        yield opened


# -- the file ----------------------------------------------------------------------------------------------------------
def test_a_run_leaves_a_report_and_the_same_folder_gives_the_same_bytes(
    tiny_run: Path, tmp_path: Path, report: Callable[..., Said]
) -> None:
    for name in ("one.html", "two.html"):
        assert report(tiny_run, "--out", tmp_path / name).out.strip() == str(tmp_path / name)
    left = (tiny_run / "report.html").read_bytes()
    assert left == (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()
    (run,) = record(tiny_run / "report.html")["runs"]
    assert [v["id"] for v in run["versions"]] == list(stop.load(tiny_run).versions.id)
    assert dict(run["block"])["stopped"] == "done" and stop.load(tiny_run).seal == "whole"


def test_the_file_names_no_address_and_allows_one_script_and_one_style(tiny_run: Path) -> None:
    text = (tiny_run / "report.html").read_text()
    assert set(re.findall(r"https?://[\w./]+", text)) <= {"http://www.w3.org/2000/svg"}
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy.startswith("default-src 'none'; script-src 'sha256-") and "unsafe" not in policy and "*" not in policy


def test_no_hostile_text_can_end_the_block_that_holds_it(hostile: Path) -> None:
    text = hostile.read_text()
    assert text.count("<script") == 2 and text.count("</script>") == 2 and "<img" not in text
    held = text.split('id="record">')[1].split("</script>")[0]
    assert held.isascii() and "onload=" in held and not set("<>&") & set(held)
    (run,) = record(hostile)["runs"]
    assert run["name"] == NAME and HOSTILE[:100] in run["versions"][2]["detail"]
    assert "\\u202e" in run["versions"][2]["detail"] and "\x1b" not in json.dumps(run)


def test_five_hundred_versions_fit_in_two_megabytes(tmp_path: Path) -> None:
    out = made(tmp_path / "many", 500)
    assert main([str(out)]) == 0
    assert (out / "report.html").stat().st_size < 2_000_000
    (run,) = record(out / "report.html")["runs"]
    assert len(run["versions"]) == len(run["decisions"]) == 500 and len(run["outcomes"]["rows"]) == 4000


def test_texts_that_would_make_the_file_too_large_are_left_out_and_said_to_be() -> None:
    texts = {f"{i:012x}": "\n".join(f"{i} {n}" for n in range(100)) for i in range(9)}
    versions = [Version(i, s, f"{i - 1:012x}" if i else "", i - 1 if i else None, i, i, "kept", 0.5, None, 2, Spent())
                for i, s in enumerate(texts)]  # fmt: skip
    found = packed(versions, texts.__getitem__, 3000)["texts"]
    assert "lines" in found[versions[0].sha] and found[versions[8].sha] == {"left_out": True}


lines = st.lists(st.sampled_from("abcd"), max_size=8)


@settings(max_examples=30, deadline=None)
@given(st.lists(lines, min_size=2, max_size=5))
def test_a_text_is_what_its_edits_make_of_its_parents(texts: list[list[str]]) -> None:
    sources = {f"{i:012x}": "\n".join(text) for i, text in enumerate(texts)}
    names = list(sources)
    versions = [Version(i, s, names[i - 1] if i else "", i - 1 if i else None, i, i, "kept", 0.5, None, 2, Spent())
                for i, s in enumerate(names)]  # fmt: skip
    found = packed(versions, sources.__getitem__, 100_000)
    whole = found["texts"][names[0]]["lines"]
    for before, name in zip(names, names[1:], strict=False):
        for start, end, put in reversed(found["edits"][f"{before} {name}"]):
            whole = [*whole[:start], *put, *whole[end:]]
        assert whole == sources[name].rstrip("\n").split("\n")


def test_several_runs_are_shown_beside_each_other(tiny_run: Path, tmp_path: Path, report: Callable[..., Said]) -> None:
    other = shutil.copytree(tiny_run, tmp_path / "other")
    assert report(tiny_run, other, "--out", tmp_path / "both.html").status == 0
    found = record(tmp_path / "both.html")
    assert [run["name"] for run in found["runs"]] == [tiny_run.name, "other"]
    assert "the same program" in str(found["compared"]["tables"][1]["rows"])


def test_a_report_that_cannot_be_written_fails_no_run(
    tiny_run: Path, tiny: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / "report.html").mkdir()
    shutil.copytree(tiny_run, out, dirs_exist_ok=True, ignore=shutil.ignore_patterns("report.html"))
    assert run_main([*tiny, "--generations", "3", "--look-again", "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert "seal: whole" in said.out and "no report.html was written" in said.err


@pytest.mark.parametrize("argv", [["no/such/run"], [], ["--nope", "x"]])
def test_wrong_usage_is_one_line_and_status_2(argv: list[str], report: Callable[..., Said]) -> None:
    said = report(*argv)
    assert said.status == 2 and said.line.startswith("python -m stop.report: ")


def test_a_folder_without_a_version_or_with_other_records_is_one_line(
    tiny_run: Path, tmp_path: Path, report: Callable[..., Said]
) -> None:
    Records(tmp_path / "empty", run_json("maxcut")).close()
    assert "no version is finished yet" in report(tmp_path / "empty").line
    assert "is given twice" in report(tiny_run, tiny_run, "--out", tmp_path / "x.html").line


# -- in notebooks ------------------------------------------------------------------------------------------------------
def test_what_a_notebook_shows_is_escaped(hostile: Path, tiny_run: Path) -> None:
    run = stop.load(hostile.parent)
    version = Version.of(run.rows("lineage.jsonl")[2])
    for shown in (run, version, Outcome(HOSTILE, "crash", detail=HOSTILE)):
        text = shown._repr_html_()
        assert not re.search(r"<(?!/?(table|caption|tbody|tr|th|td)>)", text) and "\x1b" not in text
        assert "&lt;/script&gt;" in text
    assert "seed" in stop.load(tiny_run)._repr_html_()


# -- in a browser ------------------------------------------------------------------------------------------------------
@in_browser
def test_hostile_text_runs_nothing_and_asks_for_nothing(hostile: Path) -> None:
    with Page(hostile) as page:
        page.value("document.querySelectorAll('details').forEach(d => d.open = true)")
        page.value("new Promise(done => setTimeout(done, 300))")
        page.value("document.querySelectorAll('details').forEach(d => d.open = true)")
        page.value("new Promise(done => setTimeout(done, 300))")
        shown = page.value("document.body.innerText")
        assert "onerror=window.ran=1" in shown and "</script><script>window.ran=1</script>" in shown
        assert page.value("[typeof window.ran, document.querySelectorAll('img, iframe, object').length]") == [
            "undefined",
            0,
        ]
        assert page.value("[...document.scripts].length") == 2
        assert page.requested() == [hostile.resolve().as_uri()] and page.complaints() == []


@in_browser
def test_the_policy_stops_a_script_that_got_into_the_page_all_the_same(hostile: Path, tmp_path: Path) -> None:
    spoilt = tmp_path / "spoilt.html"
    injected = "<img src=http://127.0.0.1:9/ onerror=window.ran=1><script>window.ran=1</script></body>"
    spoilt.write_text(hostile.read_text().replace("</body>", injected))
    with Page(spoilt) as page:
        assert page.value("typeof window.ran") == "undefined"
        blocked = [e for e in page.events if e["method"] == "Network.responseReceived"]
        assert all(e["params"]["response"]["url"].startswith(("file:", "data:")) for e in blocked)


@in_browser
def test_a_click_on_a_version_shows_its_diff(page: Page, plain: Path) -> None:
    x, y = page.value(
        "(() => { const n = document.getElementById('r0-v1'); n.scrollIntoView({block: 'center'});"
        "const b = n.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; })()"
    )
    page.click(x, y)
    assert page.value("document.querySelector('.version h3').textContent") == "Version 1"
    assert page.value("location.hash") == "#r0-v1" and page.complaints() == []
    run = stop.load(plain)
    added = [line[1:] for line in run.diff(0, 1).split("\n")[2:] if line.startswith("+")]
    shown = page.value("[...document.querySelectorAll('.version .add')].map(line => line.textContent.slice(2))")
    assert shown == added
    page.value("[...document.querySelectorAll('.version details')][1].open = true")
    page.value("new Promise(done => setTimeout(done, 200))")
    source = page.value("[...document.querySelectorAll('.version details')][1].querySelector('pre').innerText")
    assert source.split() == run.source(run.sha(1)).split()


@in_browser
def test_the_lineage_can_be_walked_by_keyboard(page: Page) -> None:
    page.value("document.querySelector('.tree').focus()")
    for key, now in (("Home", 0), ("ArrowRight", 1), ("ArrowUp", 0), ("ArrowDown", 1), ("End", 8)):
        page.press(key)
        assert page.value("document.querySelector('.version h3').textContent") == f"Version {now}"
        active = page.value("document.querySelector('.tree').getAttribute('aria-activedescendant')")
        assert page.value(f"document.getElementById('{active}').getAttribute('aria-label')").startswith(
            f"version {now},"
        )


@in_browser
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_window(page: Page, width: int) -> None:
    page.resize(width, 900)
    assert page.value("document.documentElement.scrollWidth") <= width
