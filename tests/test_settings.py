"""Settings from the environment, and the table that documents them."""

import pytest

from callmood.errors import SettingsError
from callmood.settings import Settings, load_settings


def test_values_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("CHANNEL_ROLES", "customer, agent")
    monkeypatch.setenv("ERASE_ON_DELETE", "true")
    monkeypatch.setenv("MODEL_URI", "")
    settings = load_settings()
    assert settings.channel_roles == ("customer", "agent")
    assert settings.erase_on_delete is True
    assert settings.model_uri is None


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("CHANNEL_ROLES", "boss,customer", "CHANNEL_ROLES"),
        ("TIME_ZONE", "Berlin", "Europe/Berlin"),
        ("MAX_DURATION_S", "-1", "MAX_DURATION_S"),
        ("CONFIDENCE_THRESHOLD", "2", "CONFIDENCE_THRESHOLD"),
        ("FILENAME_PATTERN", "(", "no regular expression"),
        ("PRIOR", '{"anger": 1}', "give each of anger"),
        ("ERASE_ON_DELETE", "perhaps", "ERASE_ON_DELETE"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(monkeypatch, variable, value, said):
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=said):
        load_settings()


def test_a_prior_must_name_every_emotion():
    shares = {"anger": 0.1, "disgust": 0.05, "fear": 0.05, "happiness": 0.1, "neutral": 0.6, "sadness": 0.1}
    assert Settings(prior=shares).prior == shares
