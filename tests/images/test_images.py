"""The container files: lint, pins, and copied files. `./run test-images` builds them."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from images.containerfile import read
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "infra/images").glob("*.Containerfile"))
PINS = dict(re.findall(r"^(\S+)==(\S+)$", (ROOT / "infra/images/constraints.txt").read_text(), re.M))


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def file(request):
    return request.param


def hadolint(path):
    found = Path(sys.executable).with_name("hadolint")
    return subprocess.run([found, "--no-color", path], capture_output=True, text=True, check=False)


def test_hadolint_reports_nothing(file, tmp_path):
    done = hadolint(file)
    assert done.returncode == 0, done.stdout
    invalid = tmp_path / "Containerfile"
    invalid.write_text("FROM python\nRUN cd /tmp && pip install flask\n")
    assert "DL3006" in hadolint(invalid).stdout  # an untagged image


def test_stages_have_the_same_pinned_base_image(file):
    bases = {instruction.text.partition(" AS ")[0] for instruction in read(file) if instruction.name == "FROM"}
    assert len(bases) == 1
    assert re.fullmatch(r"docker\.io/library/python:3\.11\.\d+-slim-\w+", bases.pop())


def test_image_runs_as_unprivileged_user(file):
    instructions = read(file)
    last = max(number for number, instruction in enumerate(instructions) if instruction.name == "FROM")
    (user,) = [instruction.text for instruction in instructions[last:] if instruction.name == "USER"]
    assert int(user) > 1000  # with a numeric ID, Kubernetes and Vertex AI can verify that the user is not root
    after = instructions.index(next(each for each in instructions if each.name == "USER"))
    assert not {"RUN", "COPY"} & {instruction.name for instruction in instructions[after:]}


def test_build_context_contains_the_copied_files_only(file):
    copied = {
        source
        for instruction in read(file)
        if instruction.name == "COPY" and "from" not in instruction.flags
        for source in instruction.words[:-1]
    }
    assert all((ROOT / source).exists() for source in copied)
    first, *sent = Path(f"{file}.dockerignore").read_text().splitlines()
    assert first == "**"
    allowed = {line[1:] for line in sent if line.startswith("!")}
    assert {source for source in copied if not allowed & {source, *map(str, Path(source).parents)}} == set()
    assert {line for line in allowed if not any(Path(source).is_relative_to(line) for source in copied)} == set()


def test_pins_satisfy_the_requirements_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = [
        line for extra in ("train", "vertex", "local", "realtime") for line in project["optional-dependencies"][extra]
    ]
    required += [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line and line[0] not in "#-"]
    for requirement in map(Requirement, required):
        pin = PINS.get(requirement.name.lower())
        here = requirement.marker is None or requirement.marker.evaluate({"python_version": "3.11"})
        assert not here or pin is None or pin in requirement.specifier, f"{pin} is pinned; see infra/images/README.md"
