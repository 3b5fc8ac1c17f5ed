"""Readers of published corpora, whose file names contain the labels."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from callmood.types import EMOTIONS
from model.data.clip import Clip, CorpusError, itemized
from model.data.table import prepared

# Publishers' names of emotions. `read` excludes clips of emotions outside EMOTIONS.
CREMAD = {
    **{"ANG": "anger", "DIS": "disgust", "FEA": "fear"},
    **{"HAP": "happiness", "NEU": "neutral", "SAD": "sadness"},
}
RAVDESS = {
    **{"01": "neutral", "02": "neutral"},  # 02 is calm, which the publishers intended as a second, more natural neutral
    **{"03": "happiness", "04": "sadness", "05": "anger", "06": "fear", "07": "disgust", "08": "surprise"},
}
TESS = {
    **{"angry": "anger", "disgust": "disgust", "fear": "fear", "happy": "happiness"},
    **{"neutral": "neutral", "ps": "surprise", "sad": "sadness"},  # ps: pleasant surprise
}
SAVEE = {
    **{"a": "anger", "d": "disgust", "f": "fear", "h": "happiness"},
    **{"n": "neutral", "sa": "sadness", "su": "surprise"},
}
EMODB = {  # German: Wut, Langeweile, Ekel, Angst, Freude, Trauer
    **{"W": "anger", "L": "boredom", "E": "disgust", "A": "fear"},
    **{"F": "happiness", "T": "sadness", "N": "neutral"},
}

# The speaker-disjoint split of eval-audio-repr (63, 9, and 19 speakers), for comparable results on "test".
CREMAD_VALID = {"1009", "1011", "1022", "1034", "1039", "1047", "1066", "1070", "1082"}
CREMAD_TEST = {
    *("1001", "1004", "1017", "1019", "1020", "1025", "1026", "1029", "1033", "1035"),
    *("1042", "1044", "1050", "1053", "1056", "1058", "1060", "1069", "1083"),
}
CREMAD_VOTES = dict(zip("ADFHNS", EMOTIONS, strict=True))
EMODB_SPEAKERS = {  # Burkhardt et al., 2005
    **{"03": ("male", 31), "08": ("female", 34), "09": ("female", 21), "10": ("male", 32), "11": ("male", 26)},
    **{"12": ("male", 30), "13": ("female", 32), "14": ("female", 35), "15": ("male", 25), "16": ("female", 31)},
}
TESS_AGES = {"OAF": 64, "YAF": 26}
# The part of a clip's name that identifies the sentence, in corpora with the same sentences in all emotions.
SENTENCES = {
    "cremad": re.compile(r"1\d{3}_([A-Z]{3})_"),
    "ravdess": re.compile(r"(?:\d\d-){4}(0[12])-"),
    "tess": re.compile(r"[OY]AF?_([a-z]+)_", re.IGNORECASE),
    "emodb": re.compile(r"\d\d([ab]\d\d)"),
}
UNFINISHED = {".part", ".crdownload", ".filepart"}  # suffixes of interrupted downloads


def cremad(root: Path) -> Iterator[Clip]:
    """Read CREMA-D: `AudioWAV/1001_DFA_ANG_XX.wav`, `VideoDemographics.csv`, optional votes in `processedResults/`."""
    if (root / "clips.csv").exists():
        yield from prepared(root, "cremad", "en")
        return
    pattern = re.compile(r"(?P<speaker>1\d{3})_[A-Z]{3}_(?P<code>[A-Z]{3})_(?:LO|MD|HI|XX?)")
    people = {row["ActorID"]: row for row in _table(root / "VideoDemographics.csv")}
    votes_file = root / "processedResults/tabulatedVotes.csv"
    # Numbers of audio-only ratings begin with 1.
    audio_only = [row for row in _table(votes_file) if row[""].startswith("1")] if votes_file.exists() else []
    votes = {row["fileName"]: {name: int(row[code]) for code, name in CREMAD_VOTES.items()} for row in audio_only}
    for path, match in _parse_names(root / "AudioWAV", pattern, CREMAD):
        speaker = match["speaker"]
        if speaker not in people:
            raise CorpusError(f"{root / 'VideoDemographics.csv'} has no row for actor {speaker} of {path}")
        person = people[speaker]
        yield Clip(
            path=path,
            corpus="cremad",
            speaker=speaker,
            emotion=CREMAD[match["code"]],
            split="valid" if speaker in CREMAD_VALID else "test" if speaker in CREMAD_TEST else "train",
            name=path.stem,
            language="en",
            sex=person["Sex"].lower(),
            age=int(person["Age"]),
            race=person["Race"],
            votes=votes.get(path.stem),
        )


def ravdess(root: Path) -> Iterator[Clip]:
    """Read RAVDESS: `Actor_01/03-01-05-01-01-01-01.wav`, audio only; songs are excluded."""
    pattern = re.compile(r"03-(?P<channel>0[12])-(?P<code>0[1-8])-0[12]-0[12]-0[12]-(?P<speaker>[012]\d)")
    for path, match in _parse_names(root, pattern, RAVDESS):
        yield Clip(
            path=path,
            corpus="ravdess",
            speaker=match["speaker"],
            emotion=RAVDESS[match["code"]] if match["channel"] == "01" else "song",
            split="valid",
            name=path.stem,
            language="en",
            sex="male" if int(match["speaker"]) % 2 else "female",
        )


def tess(root: Path) -> Iterator[Clip]:
    """Read TESS: `OAF_back_angry.wav`, in one folder or one for each speaker and emotion."""
    pattern = re.compile(r"(?P<speaker>OAF?|YAF)_[a-z]+_(?P<code>[a-z]+)", re.IGNORECASE)
    for path, match in _parse_names(root, pattern, TESS):
        speaker = "YAF" if match["speaker"].upper() == "YAF" else "OAF"  # one clip is published as OA_bite_neutral
        yield Clip(
            path=path,
            corpus="tess",
            speaker=speaker,
            emotion=TESS[match["code"].lower()],
            split="valid",
            name=path.stem,
            language="en",
            sex="female",
            age=TESS_AGES[speaker],
        )


def savee(root: Path) -> Iterator[Clip]:
    """Read SAVEE: `AudioData/DC/a01.wav`, or `DC_a01.wav` in one folder; both were published."""
    pattern = re.compile(r"(?:(?P<speaker>DC|JE|JK|KL)_)?(?P<code>sa|su|[adfhn])(?P<sentence>\d\d)")
    for path, match in _parse_names(root, pattern, SAVEE):
        speaker = match["speaker"] or path.parent.name
        if speaker not in ("DC", "JE", "JK", "KL"):
            raise CorpusError(f"{path} is not in a speaker's folder: DC, JE, JK, or KL")
        yield Clip(
            path=path,
            corpus="savee",
            speaker=speaker,
            emotion=SAVEE[match["code"]],
            split="valid",
            name=f"{speaker}_{match['code']}{match['sentence']}",
            language="en",
            sex="male",
        )


def emodb(root: Path) -> Iterator[Clip]:
    """Read Berlin EMO-DB: `wav/03a01Fa.wav`."""
    if (root / "clips.csv").exists():
        yield from prepared(root, "emodb", "de")
        return
    pattern = re.compile(r"(?P<speaker>03|08|09|1[0-6])[ab]\d\d(?P<code>[A-Z])[a-z]?")
    for path, match in _parse_names(root / "wav" if (root / "wav").is_dir() else root, pattern, EMODB):
        sex, age = EMODB_SPEAKERS[match["speaker"]]
        yield Clip(
            path=path,
            corpus="emodb",
            speaker=match["speaker"],
            emotion=EMODB[match["code"]],
            split="valid",
            name=path.stem,
            language="de",
            sex=sex,
            age=age,
        )


def sentence(corpus: str, name: str) -> str | None:
    """Return the sentence of a clip; None if the corpus does not specify it."""
    found = SENTENCES[corpus].match(name) if corpus in SENTENCES else None
    return found[1] if found else None


def _parse_names(folder: Path, pattern: re.Pattern[str], codes: dict[str, str]) -> list[tuple[Path, re.Match[str]]]:
    """Return all WAV files below a folder with their parsed names; any other WAV file is an error."""
    if not folder.is_dir():
        raise CorpusError(f"{folder} does not exist: --root must be the unpacked folder of the publisher")
    incomplete = [
        p for p in sorted(folder.rglob("*")) if p.suffix in UNFINISHED or (p.is_dir() and not any(p.iterdir()))
    ]
    if incomplete:
        raise CorpusError(f"{folder} is incomplete; download it again. Empty or unfinished:{itemized(incomplete)}")
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() == ".wav" and not p.name.startswith("."))
    matches = [(path, pattern.fullmatch(path.stem)) for path in files]
    found = [(path, m) for path, m in matches if m and (m["code"] in codes or m["code"].lower() in codes)]
    unexpected = sorted(set(files) - {path for path, _ in found})
    if unexpected:
        raise CorpusError(f"{len(unexpected)} files in {folder} are not clips of this corpus:{itemized(unexpected)}")
    return found


def _table(file: Path) -> list[dict[str, str]]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            return list(csv.DictReader(lines))
    except FileNotFoundError:
        raise CorpusError(f"{file} does not exist; the corpus is incomplete: download it again") from None
