"""Settings from the environment."""

import json

import pytest

from callmood.config import AnalysisConfig
from callmood.errors import SettingsError
from callmood.settings import APPLICATIONS, AnalyzeSettings, EraseSettings, LocalSettings, load_settings
from callmood.types import EMOTIONS


def test_values_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("CHANNEL_ROLES", "customer, agent")
    monkeypatch.setenv("ERASE_ON_DELETE", "true")
    monkeypatch.setenv("MODEL_URI", "")
    settings = load_settings(AnalyzeSettings)
    assert settings.channel_roles == ("customer", "agent")
    assert load_settings(EraseSettings).erase_on_delete is True
    assert settings.model_uri is None


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("CHANNEL_ROLES", "boss,customer", "CHANNEL_ROLES"),
        ("TIME_ZONE", "Berlin", "Europe/Berlin"),
        ("MAX_DURATION_S", "-1", "MAX_DURATION_S"),
        ("CONFIDENCE_THRESHOLD", "2", "CONFIDENCE_THRESHOLD"),
        ("FILENAME_PATTERN", "(", "not a valid regular expression"),
        ("PRIOR", '{"anger": 1}', "give each of anger"),
        ("ERASE_ON_DELETE", "perhaps", "ERASE_ON_DELETE"),
    ],
)
def test_invalid_value_is_reported_by_each_application_that_reads_it(monkeypatch, variable, value, message):
    monkeypatch.setenv(variable, value)
    readers = [kind for kind in APPLICATIONS.values() if variable.lower() in kind.model_fields]
    assert readers
    for kind in readers:
        with pytest.raises(SettingsError, match=message):
            load_settings(kind)


@pytest.mark.parametrize("application", APPLICATIONS)
def test_invalid_variable_of_another_application_is_ignored(monkeypatch, application):
    kind = APPLICATIONS[application]
    invalid = {"API_KEY": "short", "ALERT_SECRET": "weak", "PRIOR": "{}", "METRICS_PREFIX": "x", "MAX_STREAMS": "0"}
    others = {name: value for name, value in invalid.items() if name.lower() not in kind.model_fields}
    assert others
    for name, value in others.items():
        monkeypatch.setenv(name, value)
    load_settings(kind)


def test_analysis_config_does_not_read_the_environment(monkeypatch):
    monkeypatch.setenv("PRIOR", json.dumps(dict.fromkeys(EMOTIONS, 1 / 6)))
    monkeypatch.setenv("MAX_DURATION_S", "1")
    assert AnalysisConfig().prior is None
    assert AnalysisConfig().max_duration_s > 1
    assert load_settings(LocalSettings).prior is not None


def test_prior_with_every_emotion_is_accepted():
    shares = {"anger": 0.1, "disgust": 0.05, "fear": 0.05, "happiness": 0.1, "neutral": 0.6, "sadness": 0.1}
    assert AnalysisConfig(prior=shares).prior == shares
