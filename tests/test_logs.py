"""Log lines contain no name of a recording in any form, and no other word changes."""

import json
import logging
import sys
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callmood import logs

NAMES = [
    "2026/11/Zoë O'Brien +49170123.wav",
    "Zoë.wav",
    'a "quoted" name.wav',
    "two\nlines\x1b.wav",
    "客户/电话.wav",
    "/home/anna/calls/Miller, Anna.wav",
    "back\\slash.wav",
]
FORMS = [
    str,
    repr,
    ascii,
    json.dumps,
    quote,
    lambda name: quote(name, safe=""),
    lambda name: f"b/calls/o/{quote(name)}?alt=media",
]


def line(message, *args, private, name="google.cloud", exc_info=None):
    record = logging.LogRecord(name, logging.ERROR, "file.py", 1, message, args, exc_info)
    with logs.context(private=private):
        return json.loads(logs.CloudFormatter().format(record))["message"]


def secrets(name):
    """The parts of a name that could identify a person."""
    return [part.rpartition(".")[0] or part for part in name.split("/") if not part.isdigit()][-1:]


@pytest.mark.parametrize("logger", ["callmood.services.process", "google.cloud.storage"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", NAMES)
def test_no_form_of_a_name_is_logged(name, form, logger):
    text = line("No such object: %s", form(name), private=name, name=logger)
    for secret in secrets(name):
        for shown in (secret, repr(secret)[1:-1], ascii(secret)[1:-1], json.dumps(secret)[1:-1], quote(secret)):
            assert shown not in text
    assert text.startswith("No such object: ")


@pytest.mark.parametrize("conversion", ["%s", "%r"])
@pytest.mark.parametrize("name", NAMES)
def test_arguments_are_redacted_however_they_are_formatted(name, conversion):
    text = line(f"Failed: {conversion}.", ValueError(f"no {name!r}"), private=name, name="callmood.x")
    assert "[object]" in text
    assert secrets(name)[0] not in text
    assert repr(secrets(name)[0])[1:-1] not in text


@pytest.mark.parametrize("name", NAMES)
def test_tracebacks_contain_no_name(name):
    try:
        raise OSError(5, "Input/output error", name)
    except OSError:
        text = line("Not handled.", private=name, exc_info=sys.exc_info())
    assert text.startswith("Not handled.\nTraceback")
    assert text.replace('"', "'").endswith("Input/output error: '[object]'")


def test_a_file_name_without_its_folder_is_redacted():
    private = "2026/11/Anna Miller.wav"
    assert line("cannot open Anna Miller.wav in 2026", private=private) == "cannot open [object] in 2026"
    assert line("wrote Anna Miller.json", private=private) == "wrote [object].json"


@pytest.mark.parametrize("name", ["a", "call", "s", "n.wav", "d/e", "2026", "26", "Z"])
@pytest.mark.parametrize(
    "message",
    ["Analyzed a call of 2026-11-27.", "Skipped: a sidecar file.", "Not handled; the request will be retried."],
)
def test_short_names_change_no_words(name, message):
    assert line(message, private=name) == message
    assert line(message, private=name, name="callmood.services") == message
    assert line("No such object: bucket/%s", name, private=name) == "No such object: bucket/[object]"


def test_the_text_of_own_messages_is_constant():
    assert line("Skipped: %s", "Skipped", private="Skipped", name="callmood.x") == "Skipped: [object]"


@given(st.text(st.characters(codec="utf-8"), min_size=4).filter(lambda text: not text.isalnum() and text.strip("/")))
def test_a_quoted_name_is_never_logged(name):
    text = line("No such object: %r", name, private=name)
    assert text == "No such object: '[object]'" or text == 'No such object: "[object]"'
