"""The pages of docs/: each is in the index, links lead to files, lines are at most 120 columns wide."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")

    assert [
        page.name for page in DOCS.glob("*.md") if page.name != "README.md" and f"({page.name})" not in index
    ] == []


def test_every_room_is_in_the_designs_table() -> None:
    design = (DOCS / "design.md").read_text(encoding="utf-8")
    rooms = [folder.parent for folder in (ROOT / "study" / "lbstudy").glob("*/__init__.py")]

    assert rooms
    assert [room.name for room in rooms if f"| `study/lbstudy/{room.name}` |" not in design] == []


def test_links_between_files_lead_somewhere() -> None:
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    broken = [
        f"{page}: {target}"
        for page in listed.stdout.split()
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", (ROOT / page).read_text(encoding="utf-8"))
        if not re.match(r"[a-z]+:", target) and not ((ROOT / page).parent / target).exists()
    ]

    assert broken == []


WIDEST = 120


def test_prose_is_wrapped() -> None:
    """Tables, code, a link alone on a line, and what a program wrote (between `<!-- … -->`) may be wider."""
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    written = re.compile(r"^<!-- (names|differences|printed)\b.*?^<!-- /\1 -->$", re.MULTILINE | re.DOTALL)
    code = re.compile(r"^(?P<fence> *```).*?^(?P=fence)$", re.MULTILINE | re.DOTALL)
    pages = listed.stdout.split()
    wide = []
    for page in pages:
        prose = code.sub("", written.sub("", (ROOT / page).read_text(encoding="utf-8")))
        wide += [
            f"{page}: {line}"
            for line in prose.splitlines()
            if len(line) > WIDEST
            and not line.lstrip().startswith("|")
            and not re.fullmatch(r"\s*\[?!?\[.*\]\(\S+\)", line)
        ]

    assert "docs/README.md" in pages
    assert wide == []
