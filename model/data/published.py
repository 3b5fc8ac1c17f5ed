"""Published corpora in the layouts that their publishers hand out: what a clip is stands in its file's name."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from callmood.types import EMOTIONS
from model.data.clip import Clip, CorpusError, some
from model.data.table import ready_made

# What each publisher calls an emotion, and what it is here. Names outside EMOTIONS are left out by `read`.
CREMAD = {
    **{"ANG": "anger", "DIS": "disgust", "FEA": "fear"},
    **{"HAP": "happiness", "NEU": "neutral", "SAD": "sadness"},
}
RAVDESS = {
    **{"01": "neutral", "02": "neutral"},  # 02 is calm: meant by its makers as a second, less strained neutral
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

# The speaker-disjoint split of eval-audio-repr (63, 9 and 19 speakers); results on "test" are comparable with others'.
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
# What of a clip's name says which sentence is spoken, where many speakers say the same ones in every emotion.
SENTENCES = {
    "cremad": re.compile(r"1\d{3}_([A-Z]{3})_"),
    "ravdess": re.compile(r"(?:\d\d-){4}(0[12])-"),
    "tess": re.compile(r"[OY]AF?_([a-z]+)_", re.IGNORECASE),
    "emodb": re.compile(r"\d\d([ab]\d\d)"),
}
UNFINISHED = {".part", ".crdownload", ".filepart"}  # what browsers and copiers leave when they are stopped


def cremad(root: Path) -> Iterator[Clip]:
    """CREMA-D: `AudioWAV/1001_DFA_ANG_XX.wav` and `VideoDemographics.csv`, with votes where `processedResults/` is."""
    if (root / "clips.csv").exists():
        yield from ready_made(root, "cremad", "en")
        return
    named = re.compile(r"(?P<speaker>1\d{3})_[A-Z]{3}_(?P<code>[A-Z]{3})_(?:LO|MD|HI|XX?)")
    people = {row["ActorID"]: row for row in _table(root / "VideoDemographics.csv")}
    votes_file = root / "processedResults/tabulatedVotes.csv"
    # The rows of clips that were heard but not seen have numbers that begin with 1.
    heard = [row for row in _table(votes_file) if row[""].startswith("1")] if votes_file.exists() else []
    votes = {row["fileName"]: {name: int(row[code]) for code, name in CREMAD_VOTES.items()} for row in heard}
    for path, match in _named(root / "AudioWAV", named, CREMAD):
        speaker = match["speaker"]
        if speaker not in people:
            raise CorpusError(f"{root / 'VideoDemographics.csv'} has no actor {speaker}, whose clip is {path}")
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
    """RAVDESS: `Actor_01/03-01-05-01-01-01-01.wav`, audio only; what is sung is left out."""
    named = re.compile(r"03-(?P<channel>0[12])-(?P<code>0[1-8])-0[12]-0[12]-0[12]-(?P<speaker>[012]\d)")
    for path, match in _named(root, named, RAVDESS):
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
    """TESS: `OAF_back_angry.wav`, in one folder or one for each speaker and emotion."""
    named = re.compile(r"(?P<speaker>OAF?|YAF)_[a-z]+_(?P<code>[a-z]+)", re.IGNORECASE)
    for path, match in _named(root, named, TESS):
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
    """SAVEE: `AudioData/DC/a01.wav`, or `DC_a01.wav` in one folder, as both were handed out."""
    named = re.compile(r"(?:(?P<speaker>DC|JE|JK|KL)_)?(?P<code>sa|su|[adfhn])(?P<sentence>\d\d)")
    for path, match in _named(root, named, SAVEE):
        speaker = match["speaker"] or path.parent.name
        if speaker not in ("DC", "JE", "JK", "KL"):
            raise CorpusError(f"{path} is in no speaker's folder: expected DC, JE, JK or KL")
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
    """Berlin EMO-DB: `wav/03a01Fa.wav`."""
    if (root / "clips.csv").exists():
        yield from ready_made(root, "emodb", "de")
        return
    named = re.compile(r"(?P<speaker>03|08|09|1[0-6])[ab]\d\d(?P<code>[A-Z])[a-z]?")
    for path, match in _named(root / "wav" if (root / "wav").is_dir() else root, named, EMODB):
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
    """Name the sentence that a clip says; None where the corpus does not tell."""
    found = SENTENCES[corpus].match(name) if corpus in SENTENCES else None
    return found[1] if found else None


def _named(folder: Path, pattern: re.Pattern[str], codes: dict[str, str]) -> list[tuple[Path, re.Match[str]]]:
    """All WAV files below a folder, each with what its name says; every one of them must be a clip of the corpus."""
    if not folder.is_dir():
        raise CorpusError(f"{folder} is not there: --root is the folder as its publisher hands it out, unpacked")
    torn = [p for p in sorted(folder.rglob("*")) if p.suffix in UNFINISHED or (p.is_dir() and not any(p.iterdir()))]
    if torn:
        raise CorpusError(f"{folder} is half there; fetch it anew. Empty or unfinished:{some(torn)}")
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() == ".wav" and not p.name.startswith("."))
    matches = [(path, pattern.fullmatch(path.stem)) for path in files]
    found = [(path, m) for path, m in matches if m and (m["code"] in codes or m["code"].lower() in codes)]
    strange = sorted(set(files) - {path for path, _ in found})
    if strange:
        raise CorpusError(f"{len(strange)} files in {folder} are not named as clips of this corpus:{some(strange)}")
    return found


def _table(file: Path) -> list[dict[str, str]]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            return list(csv.DictReader(lines))
    except FileNotFoundError:
        raise CorpusError(f"{file} is not there; the corpus is half there without it: fetch it anew") from None
