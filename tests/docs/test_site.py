"""The documentation site builds strictly, works from a disk, and loads nothing from other hosts."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_site_contains_pages_outside_docs(site):
    for page in ("index", "CONTRIBUTING", "CHANGELOG", "SECURITY", "model/index", "model/MODEL_CARD", "docs/deploy"):
        assert (site / f"{page}.html").is_file(), page


def test_every_page_of_docs_is_in_the_navigation(site):
    index = (site / "index.html").read_text(encoding="utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        name = page.relative_to(ROOT).with_suffix(".html").as_posix().replace("README.html", "index.html")
        assert f'href="{name}" class="md-nav__link' in index, f"{page} is not in the navigation of mkdocs.yml"


def test_search_index_covers_all_pages(site):
    documents = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))["docs"]
    pages = {entry["location"].split("#")[0] for entry in documents}
    assert {"index.html", "docs/decisions/0001-package-layout.html", "model/MODEL_CARD.html"} <= pages
    assert (site / "search" / "search_index.js").is_file(), "search does not work from a disk"


def test_pages_load_nothing_from_other_hosts(site):
    for page in site.rglob("*.html"):
        loaded = re.findall(r'<(?:script|img|iframe)[^>]* src="([^"]+)"', page.read_text(encoding="utf-8"))
        loaded += re.findall(r'<link[^>]* href="([^"]+)"', page.read_text(encoding="utf-8"))
        assert not [address for address in loaded if "//" in address], page


def test_search_works_from_a_disk_without_a_network(site, chromium):
    context = chromium.new_context(offline=True)
    requested = []
    context.on("request", lambda request: requested.append(request.url))
    page = context.new_page()
    page.goto((site / "index.html").as_uri())
    page.click("input[name=query]")
    page.wait_for_function("document.querySelector('.md-search-result__meta').textContent.includes('Type to start')")
    page.keyboard.type("Silero")
    page.wait_for_selector(".md-search-result__item")
    assert "Silero VAD runs in NumPy" in page.inner_text(".md-search-result__item")
    assert [url for url in requested if not url.startswith(("file:", "data:", "blob:"))] == []
    context.close()
