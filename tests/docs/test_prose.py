"""The prose is plain technical English with American spelling, also inside identifiers."""

import re
import subprocess
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIMIT = 150
TRANSLATED_STYLE = re.compile(
    r"\b(?:hear|hears|heard|hearing|hearings|tell|tells|told|lie|lies|lay|lain|anew)\b"
    r"|\b(?:is|are) no\b|\bfor ever\b|\bpassed over\b"
    r"|(?:^|[.!?:] |[-*|#\"] ?)(?-i:What)\b",
    re.IGNORECASE,
)
# codespell checks words; these occur inside identifiers, where it does not look.
BRITISH = re.compile(
    r"analyse(?!s\b)|artefact|behaviour|catalogue|centre|colour|favour|grey|labelled|labelling|learnt|licence|neighbour"
    r"|(?:authori|finali|initiali|normali|optimi|organi|quanti|recogni|seriali|summari|synthesi|tokeni)se[drs]?\b",
    re.IGNORECASE,
)
ALLOWED = re.compile(r"aria-labelledby")  # an HTML attribute
DATA = re.compile(
    r"^(model/reports/|model/tts/.*\.toml$|tests/examples/.*\.(json|toml)$|tests/docs/test_prose\.py$)|\.(svg|png|wav|tflite|npz)$"
)
# These name identifiers of earlier versions.
MIGRATION = re.compile(r"^(CHANGELOG\.md|functions/callmood/warehouse/migration\.py|tests/.*migration.*\.py)$")


def lines():
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if not DATA.search(name) and (ROOT / name).is_file():
            text = (ROOT / name).read_text(encoding="utf-8", errors="replace")
            for number, line in enumerate(text.splitlines(), 1):
                yield name, number, line


def occurrences(pattern):
    return [(name, number, line.strip()) for name, number, line in lines() for _ in pattern.finditer(line)]


def test_prose_rarely_uses_words_of_the_translated_style():
    counts = Counter(name for name, _, _ in occurrences(TRANSLATED_STYLE))
    most = "\n".join(f"{count:4} {name}" for name, count in counts.most_common(15))
    assert counts.total() <= LIMIT, f"{counts.total()} occurrences, at most {LIMIT} are allowed:\n{most}"


def test_identifiers_use_american_spelling():
    found = [
        f"{name}:{number}: {line}"
        for name, number, line in occurrences(BRITISH)
        if not MIGRATION.search(name) and BRITISH.search(ALLOWED.sub("", line))
    ]
    assert found == []


if __name__ == "__main__":
    for name, number, line in occurrences(TRANSLATED_STYLE):
        print(f"{name}:{number}: {line}")
