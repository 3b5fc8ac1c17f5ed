"""Training configurations: the ones in model/configs, and errors in others."""

from pathlib import Path

import pytest

pytest.importorskip("tomli_w", reason="needs the extra train: pip install -e '.[train,test]'")

from model import config
from model.augmentation.conditions import AcousticCondition
from model.config import ConfigError

ROOT = Path(__file__).parents[2]
CONFIGS = [path for path in sorted((ROOT / "model/configs").glob("*.toml")) if not path.stem.endswith("gates")]
SMALL = '[architecture]\nname = "whisper_probe"\n[data]\nconditions = [["telephone random", "clean whole"]]\n'


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_written_configuration_is_read_back(path, tmp_path):
    conf = config.read(path)
    config.write(conf, tmp_path / "config.toml")
    assert config.read(tmp_path / "config.toml") == conf
    assert repr(config.read(tmp_path / "config.toml")) == repr(conf)  # part of the feature cache's key
    assert config.read(tmp_path / "config.toml").digest() == conf.digest()


def test_digest_depends_on_every_key(tmp_path):
    (tmp_path / "one.toml").write_text(SMALL)
    (tmp_path / "other.toml").write_text("seed = 1\n" + SMALL)
    one, other = (config.read(tmp_path / f"{name}.toml") for name in ("one", "other"))
    assert one.digest() != other.digest()
    assert one.data.conditions == [[AcousticCondition("telephone", "random"), AcousticCondition("clean", "whole")]]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("[training]\nepoch = 3", "training.epoch: Extra inputs"),
        ("[training]\nmixup = -1", "training.mixup"),
        ('[architecture]\nname = "oracle"\n[data]\nconditions = [["clean whole"]]', "architecture"),
        (
            '[architecture]\nname = "whisper_probe"\n[data]\nconditions = [["shouted whole"]]',
            "invalid condition 'shouted whole': write a channel (clean",
        ),
        ("[serving]\nprior = {anger = 1.0}", "prior must contain anger"),
        ("[training]\npatience = 3\n", None),
        (
            '[architecture]\nname = "whisper_probe"\n[data]\nheld_out_speakers = 0\nconditions = [["clean whole"]]',
            "set serving.temperature",
        ),
        ("seed = ", "is not a TOML file"),
    ],
)
def test_invalid_configuration_is_reported(more, message, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(more if more.startswith(("[arch", "seed")) else SMALL + more)
    if message is None:
        assert config.read(file).training.patience == 3
        return
    with pytest.raises(ConfigError) as error:
        config.read(file)
    assert str(file) in str(error.value)
    assert message in str(error.value)


def test_missing_file_is_reported():
    with pytest.raises(ConfigError, match=r"none\.toml does not exist"):
        config.read(Path("none.toml"))
