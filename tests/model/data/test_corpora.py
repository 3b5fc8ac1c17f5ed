"""Ingestion of corpora in their layouts on disk into a manifest."""

import shutil
from collections import Counter
from pathlib import Path

import duckdb
import pytest
from corpora_made import CREMAD, OFFICIAL, RAVDESS, SAVEE, tone, write_corpus
from model_program import model_error, model_output, run_model

from callmood.types import EMOTIONS
from model.data import ingest, manifest
from model.data.corpora import CORPORA, CorpusError, read

CARDS = Path(__file__).parents[3] / "model/cards"


def arguments(tmp_path, *pairs):
    corpora = [argument for corpus, root in pairs for argument in ("--corpus", corpus, "--root", root)]
    return [*corpora, "--out", tmp_path / "out/manifest.parquet"]


@pytest.fixture
def ingested(tmp_path):
    """Run `python -m model ingest` on pairs of corpus and root; return the manifest's rows and the output."""

    def run(*pairs):
        printed = model_output("ingest", *arguments(tmp_path, *pairs))
        return manifest.read(tmp_path / "out/manifest.parquet"), printed

    return run


def refused(tmp_path, corpus, root):
    """Return the error of `python -m model ingest`, which must write nothing."""
    result = run_model("ingest", *arguments(tmp_path, (corpus, root)))
    assert result.exit_code == 1
    assert not list(tmp_path.glob("out/*"))
    return result.stderr


@pytest.mark.parametrize(
    ("corpus", "clips", "excluded", "person"),
    [
        ("cremad", 12, "", ("1002", "female", 21, "Asian")),
        ("ravdess", 14, "surprise: 2", ("02", "female", None, None)),
        ("tess", 12, "surprise: 2", ("YAF", "female", 26, None)),
        ("savee", 12, "surprise: 2", ("JE", "male", None, None)),
        ("emodb", 12, "boredom: 2", ("08", "female", 34, None)),
    ],
)
def test_published_layout_is_ingested(ingested, tmp_path, corpus, clips, excluded, person):
    names, rate = OFFICIAL[corpus]
    rows, printed = ingested((corpus, write_corpus(tmp_path / corpus, names, rate)))
    assert len(rows) == clips
    assert excluded in printed
    assert f"{clips} clips of 2 speakers" in printed
    expected = {emotion: 4 if (corpus, emotion) == ("ravdess", "neutral") else 2 for emotion in EMOTIONS}
    assert Counter(row.emotion for row in rows) == expected
    assert person in {(row.speaker, row.sex, row.age, row.race) for row in rows}
    assert {row.language for row in rows} == {"de" if corpus == "emodb" else "en"}
    assert all(row.duration_s == pytest.approx(0.3, abs=1e-3) for row in rows)
    assert len({row.clip for row in rows}) == clips


@pytest.mark.parametrize(
    ("corpus", "clip", "emotion"),
    [
        ("cremad", "1001_DFA_HAP_XX", "happiness"),
        ("ravdess", "03-01-02-01-01-01-01", "neutral"),  # calm
        ("ravdess", "03-01-06-01-01-01-02", "fear"),
        ("tess", "OAF_back_angry", "anger"),
        ("savee", "DC_sa01", "sadness"),
        ("emodb", "03a01Ea", "disgust"),
        ("emodb", "08a01T", "sadness"),
    ],
)
def test_emotion_comes_from_file_name(tmp_path, corpus, clip, emotion):
    reading = read(corpus, write_corpus(tmp_path, *OFFICIAL[corpus]))
    assert {found.name: found.emotion for found in reading.clips}[clip] == emotion


def test_cremad_votes_are_audio_only(ingested, tmp_path):
    rows, _ = ingested(("cremad", write_corpus(tmp_path / "cremad", CREMAD)))
    votes = {row.clip: row.votes for row in rows}
    assert votes["1002_DFA_ANG_XX"] == dict(zip(EMOTIONS, (6, 1, 0, 0, 2, 0), strict=True))
    assert votes["1002_DFA_SAD_XX"] is None


def test_cremad_uses_the_public_splits(tmp_path):
    root = write_corpus(tmp_path, CREMAD)
    for actor in ("1009", "1083"):
        with (root / "VideoDemographics.csv").open("a") as file:
            file.write(f'{actor},30,"Male","Asian","Hispanic"\n')
        tone(root / f"AudioWAV/{actor}_ITH_SAD_X.wav")
    splits = {clip.speaker: clip.split for clip in read("cremad", root).clips}
    assert splits == {"1001": "test", "1002": "train", "1009": "valid", "1083": "test"}


def test_songs_are_excluded(tmp_path):
    root = write_corpus(tmp_path, RAVDESS)
    tone(root / "Actor_01/03-02-05-01-01-01-01.wav")
    assert read("ravdess", root).excluded == {"surprise": 2, "song": 1}


def test_both_savee_layouts_give_the_same_clips(tmp_path):
    write_corpus(tmp_path / "nested", SAVEE)
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in (tmp_path / "nested").rglob("*.wav"):
        shutil.copy(path, flat / f"{path.parent.name}_{path.name}")
    facts = [
        [(c.name, c.speaker, c.emotion) for c in read("savee", tmp_path / kind).clips] for kind in ("nested", "flat")
    ]
    assert sorted(facts[0]) == sorted(facts[1])


def test_several_corpora_are_ingested_into_one_manifest(ingested, tmp_path):
    pairs = [(corpus, write_corpus(tmp_path / corpus, *OFFICIAL[corpus])) for corpus in ("emodb", "savee")]
    rows, printed = ingested(*pairs)
    assert Counter(row.corpus for row in rows) == {"emodb": 12, "savee": 12}
    assert "not permitted for a shipped model: see model/cards/savee.md" in printed
    columns = duckdb.read_parquet(str(tmp_path / "out/manifest.parquet")).columns
    assert columns == list(manifest.COLUMNS)


def test_missing_folder_is_reported(tmp_path):
    assert f"{tmp_path / 'nowhere'} does not exist" in refused(tmp_path, "tess", tmp_path / "nowhere")


@pytest.mark.parametrize("corpus", OFFICIAL)
def test_empty_folder_is_reported_with_the_expected_layout(tmp_path, corpus):
    (tmp_path / "empty").mkdir()
    assert "empty" in refused(tmp_path, corpus, tmp_path / "empty")


def test_missing_actor_list_is_reported(tmp_path):
    root = write_corpus(tmp_path / "cremad", CREMAD)
    (root / "VideoDemographics.csv").unlink()
    assert "VideoDemographics.csv does not exist" in refused(tmp_path, "cremad", root)


@pytest.mark.parametrize(
    ("content", "defect"),
    [
        (b"", "are empty"),
        (b"RIFF\x24\x00\x00\x00WAVE", "truncated"),
        (b"no audio at all", "not audio, or damaged"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
    ],
)
def test_invalid_clips_are_reported(tmp_path, content, defect):
    root = write_corpus(tmp_path / "cremad", CREMAD)
    (root / CREMAD[3]).write_bytes(content)
    message = refused(tmp_path, "cremad", root)
    assert defect in message
    assert str(root / CREMAD[3]) in message


def test_truncated_clip_is_reported(tmp_path):
    root = write_corpus(tmp_path / "savee", SAVEE)
    (root / SAVEE[2]).write_bytes((root / SAVEE[2]).read_bytes()[:5000])
    assert f"{root / SAVEE[2]}: truncated" in refused(tmp_path, "savee", root)


@pytest.mark.parametrize("left", ["Actor_03", "Actor_02/03-01-08-01-01-01-02.wav.part"])
def test_incomplete_download_is_reported(tmp_path, left):
    root = write_corpus(tmp_path / "ravdess", RAVDESS)
    (root / left).write_bytes(b"RIFF") if left.endswith("part") else (root / left).mkdir()
    message = refused(tmp_path, "ravdess", root)
    assert "is incomplete" in message
    assert str(root / left) in message


def test_files_of_another_corpus_are_reported(tmp_path):
    root = write_corpus(tmp_path / "mixed", RAVDESS)
    tone(root / "OAF_back_angry.wav")
    assert str(root / "OAF_back_angry.wav") in refused(tmp_path, "ravdess", root)


def test_duplicate_clips_are_reported(tmp_path):
    root = write_corpus(tmp_path / "twice", RAVDESS)
    shutil.copytree(root / "Actor_01", root / "copy/Actor_01")
    message = refused(tmp_path, "ravdess", root)
    assert "8 clips are duplicates" in message
    assert "copy/Actor_01/03-01-01-01-01-01-01.wav" in message


def test_existing_manifest_is_kept_after_an_error(ingested, tmp_path):
    root = write_corpus(tmp_path / "cremad", CREMAD)
    before, _ = ingested(("cremad", root))
    (root / CREMAD[0]).write_bytes(b"no audio")
    assert run_model("ingest", *arguments(tmp_path, ("cremad", root))).exit_code == 1
    assert manifest.read(tmp_path / "out/manifest.parquet") == before
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["manifest.parquet"]


def test_no_partial_manifest_is_left_after_a_write_error(tmp_path):
    (tmp_path / "out/manifest.parquet").mkdir(parents=True)
    root = write_corpus(tmp_path / "savee", SAVEE)
    assert "manifest.parquet" in model_error("ingest", *arguments(tmp_path, ("savee", root)))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["manifest.parquet"]


def test_file_that_is_not_a_manifest_is_reported(tmp_path):
    (tmp_path / "m.parquet").write_text("clip,path\n")
    with pytest.raises(CorpusError, match="is not a manifest"):
        manifest.read(tmp_path / "m.parquet")


@pytest.fixture
def calls(tmp_path):
    """Write a company's list of calls with the given lines."""

    def write(*lines, header="path,speaker,emotion,sex,age"):
        for name in ("a", "b", "c"):
            tone(tmp_path / f"calls/clips/{name}.wav", rate=8000)
        (tmp_path / "calls/acme.csv").write_text("\ufeff" + "\n".join([header, *lines]) + "\n", encoding="utf-8")
        return tmp_path / "calls/acme.csv"

    return write


def test_company_list_is_ingested(ingested, calls):
    root = calls("clips/a.wav,ann, Anger ,female,40", "clips/b.wav,bob,neutral,,", "clips/c.wav,bob,surprise,male,")
    rows, printed = ingested(("csv", root))
    assert [(row.speaker, row.emotion, row.sex, row.age) for row in rows] == [
        ("ann", "anger", "female", 40),
        ("bob", "neutral", None, None),
    ]
    assert {row.corpus for row in rows} == {"acme"}
    assert {row.split for row in rows} == {"train", "valid"}  # no speaker in both
    assert "excluded, surprise: 1" in printed


def test_splits_of_a_company_list_are_kept(ingested, calls):
    rows, _ = ingested(
        ("csv", calls("clips/a.wav,ann,anger,test", "clips/b.wav,bob,fear,train", header="path,speaker,emotion,split"))
    )
    assert [row.split for row in rows] == ["test", "train"]


def test_list_with_semicolons_is_ingested(ingested, calls):
    root = calls("clips/a.wav;ann;anger", "clips/b.wav;bob;fear", header="path;speaker;emotion")
    assert [row.emotion for row in ingested(("csv", root))[0]] == ["anger", "fear"]


def test_duplicate_list_rows_are_reported(tmp_path, calls):
    root = calls("clips/a.wav,ann,anger,,", "clips/a.wav,ann,fear,,")
    assert "1 clips are duplicates" in refused(tmp_path, "csv", root)


def test_ingesting_a_corpus_twice_is_an_error(tmp_path):
    root = write_corpus(tmp_path / "savee", SAVEE)
    result = run_model("ingest", *arguments(tmp_path, ("savee", root), ("savee", root)))
    assert result.exit_code == 1
    assert "two clips of a corpus have the same name" in result.stderr
    assert not list(tmp_path.glob("out/*"))


def test_every_invalid_line_is_reported(tmp_path, calls):
    root = calls(
        "clips/a.wav,ann,angry,female,40",
        "clips/b.wav,bob,neutral,male,forty",
        "clips/c.wav,,sadness,,",
        "clips/a.wav,ann,fear,woman,",
    )
    message = refused(tmp_path, "csv", root)
    assert "line 2: emotion 'angry' is not one of anger, disgust" in message
    assert "line 3: age 'forty' is not a whole number" in message
    assert "line 4: speaker is empty" in message
    assert "line 5: sex 'woman' is not one of female, male" in message


def test_missing_column_or_clip_is_reported(tmp_path, calls):
    assert "lacks the column emotion" in refused(tmp_path, "csv", calls(header="path,speaker"))
    missing = refused(tmp_path, "csv", calls("clips/z.wav,ann,anger,,"))
    assert "clips/z.wav" in missing


def test_list_with_the_name_of_another_corpus_is_rejected(tmp_path, calls):
    """Otherwise its clips would count as synthetic, or as permitted for a shipped model."""
    root = calls("clips/a.wav,ann,anger,,").rename(tmp_path / "calls/synthetic.csv")
    assert "synthetic is taken" in refused(tmp_path, "csv", root)


def test_every_published_corpus_has_a_card_with_its_permission():
    cards = {path.stem: path.read_text() for path in CARDS.glob("*.md")}
    assert cards.keys() == CORPORA.keys() - {"csv"}
    for name, card in cards.items():
        assert ("never for the shipped model" in card.lower()) == (not CORPORA[name].may_ship), name


@pytest.mark.parametrize(("corpus", "clips", "excluded"), [("cremad", 5884, {}), ("emodb", 454, {"boredom": 81})])
def test_shared_corpora_are_complete(data_root, corpus, clips, excluded):
    reading = read(corpus, data_root / corpus)
    assert len(reading.clips) == clips
    assert reading.excluded == excluded
    assert all(1 < seconds < 10 for seconds in ingest.durations(reading.clips[::97]))
    assert all(clip.sex and clip.age for clip in reading.clips)
    assert all(sum(clip.votes.values()) if corpus == "cremad" else clip.votes is None for clip in reading.clips)
