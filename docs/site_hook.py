"""MkDocs hook: build the site from the repository's own pages, at their own paths and without copies."""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PAGES = ("*.md", "docs/**/*.md", "model/**/*.md", "infra/*/*.md", "tests/examples/*.md")
_LINK = re.compile(r"\[([^\]]*)\]\(([^)#\s]+)(?:#[^)]*)?\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Replace `folder/*` in the navigation by the folder's pages."""
    assert config.nav is not None
    config.nav = [_expanded(item) for item in config.nav]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Replace the files of `docs_dir` by the repository's pages, and add the files that they link to."""
    for file in list(files):
        if file.src_dir == config.docs_dir:
            files.remove(file)
    pages = [page for pattern in PAGES for page in sorted(ROOT.glob(pattern))]
    assets = sorted((ROOT / "docs" / "assets").iterdir())
    linked = (target for page in pages for target in _targets(page) if target.is_file() and target.suffix != ".md")
    for path in dict.fromkeys([*pages, *assets, *linked]):
        name = path.relative_to(ROOT).as_posix()
        files.append(File(name, str(ROOT), config.site_dir, use_directory_urls=config.use_directory_urls))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Reduce links to folders, which the site does not have, to their text."""
    folder = ROOT / posixpath.dirname(page.file.src_uri)
    return _LINK.sub(lambda link: link[1] if (folder / link[2]).is_dir() else link[0], markdown)


def _targets(page: Path) -> list[Path]:
    links = (match[2] for match in _LINK.finditer(page.read_text(encoding="utf-8")))
    return [(page.parent / link).resolve() for link in links if "://" not in link]


def _expanded(item: Any) -> Any:
    if isinstance(item, dict):
        return {title: _expanded(value) for title, value in item.items()}
    if isinstance(item, list):
        return [page for value in item for page in (_folder(value) if _is_folder(value) else [_expanded(value)])]
    return item


def _is_folder(value: Any) -> bool:
    return isinstance(value, str) and value.endswith("/*")


def _folder(pattern: str) -> list[str]:
    pages = (path for path in ROOT.glob(f"{pattern}.md") if path.name != "README.md")
    return sorted(path.relative_to(ROOT).as_posix() for path in pages)
