#!/usr/bin/env python3
"""Refuses links and paths, in pages and in comments, that lead to nothing.

In Markdown a relative link names a file that is there, and its #anchor a heading of that page. Everywhere a word that
looks like a path of this repository (FOLDERS, then a slash) names something that is there; `*` stands for any name.
Words with a placeholder in capitals (models/arch/NAME/) are left alone. Usage: check_docs.py [--self-test]
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = "dsl|models|cluster|runtime|actors|dsrun|tests|docs|examples|findings|cmake"
SOURCES = (".cpp", ".hpp", ".cu", ".cuh", ".py", ".toml", ".cmake", ".txt")
SKIP = ("tests/check_", "tests/fixtures/")  # their examples name files that need not be there
LINK = re.compile(r"\]\(([^()\s]+)\)")
PATH = re.compile(rf"(?<![\w./<*-])(?:{FOLDERS})/[\w./*-]*[\w/*]")
COMMENT = re.compile(r"(?://|#(?!\s*include\b)).*")
HEADING = re.compile(r"^#+ (.*)", re.MULTILINE)


def anchors(text):
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in HEADING.findall(text)}


def exists(path):
    """Whether something is there: a file, a folder, a name without its suffix, or what a pattern with * matches."""
    path = path.rstrip("/")
    return (ROOT / path).exists() or any(ROOT.glob(path if "*" in path else path + "*"))


def link_fault(page, target):
    if re.match(r"[a-z]+:", target):
        return None
    path, _, anchor = target.partition("#")
    file = (ROOT / page).parent / path if path else ROOT / page
    if not file.exists():
        return f"link to {target}, which is not there"
    if anchor and file.suffix == ".md" and anchor not in anchors(file.read_text(encoding="utf-8")):
        return f"link to {target}: {file.name} has no such heading"
    return None


def faults_of(page, line):
    """What a line of a page or of a source file names that is not there."""
    found = []
    if page.endswith(".md"):
        found += filter(None, (link_fault(page, target) for target in LINK.findall(line)))
        words = LINK.sub("]", line)
    else:
        comment = COMMENT.search(line)
        words = comment.group(0) if comment else ""
    for path in PATH.findall(words):
        if not re.search(r"[A-Z]{2}", path.replace("README", "").replace("CMakeLists", "")) and not exists(path):
            found.append(f"path {path}, where nothing is")
    return found


def check():
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\n")
    found = []
    for name in files:
        if name.endswith((".md", *SOURCES)) and not name.startswith(SKIP) and (ROOT / name).is_file():
            for number, line in enumerate((ROOT / name).read_text(encoding="utf-8").splitlines(), 1):
                found += [f"{name}:{number}: {fault}" for fault in faults_of(name, line)]
    return found


GOOD = [
    ("docs/data.md", "[the map](architecture.md), [below](#speed) and [elsewhere](https://example.org/docs/none.md)"),
    ("docs/architecture.md", "`dsl/job.hpp`, `runtime/device/exchange/*.cpp`, `models/arch/NAME/`, and/or"),
    ("dsl/job.hpp", '#include "gone/away.hpp"  // see docs/job-file.md'),
]
BAD = [
    ("README.md", "[the map](docs/no-such-page.md)"),
    ("README.md", "[below](#no-such-heading)"),
    ("docs/architecture.md", "`runtime/kernels/` holds them"),
    ("dsl/job.hpp", "// what docs/design.md says"),
]


def self_test():
    wrong = [f"refused, though right: {page}: {line}" for page, line in GOOD if faults_of(page, line)]
    return wrong + [f"let through, though bad: {page}: {line}" for page, line in BAD if not faults_of(page, line)]


if __name__ == "__main__":
    problems = self_test() if "--self-test" in sys.argv[1:] else check()
    print("\n".join(problems) if problems else "pages and comments: every path leads somewhere")
    sys.exit(1 if problems else 0)
