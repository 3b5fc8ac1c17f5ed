"""Parse container files, and build them without a container engine.

Each stage has a folder as its root: absolute paths of the image are relative to it. `RUN` commands in `SYSTEM_COMMANDS`
change the operating system, and are skipped.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

SYSTEM_COMMANDS = ("useradd",)


@dataclass(frozen=True)
class Instruction:
    """An instruction: its name, its flags such as `from`, and its text."""

    name: str
    flags: dict[str, str]
    text: str

    @property
    def words(self) -> list[str]:
        """Return the words of a JSON list or of a shell command."""
        return json.loads(self.text) if self.text.startswith("[") else shlex.split(self.text)


def read(path: Path) -> list[Instruction]:
    """Return the instructions of a container file, with the defaults of its ARGs."""
    text = re.sub(r"^\s*#.*\n", "", path.read_text(), flags=re.M)
    instructions, args = [], {}
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        name, _, rest = line.strip().partition(" ")
        flags = dict(re.findall(r"--(\w+)=(\S+)", re.match(r"(--\w+=\S+\s+)*", rest)[0]))
        rest = re.sub(r"^(--\w+=\S+\s+)*", "", rest)
        rest = re.sub(r"\$\{(\w+)\}", lambda match: args[match[1]], rest) if name == "FROM" else rest
        if name == "ARG":
            args.update([rest.split("=", 1)])
        elif name:
            instructions.append(Instruction(name, flags, rest))
    return instructions


@dataclass
class Stage:
    """A stage during a build: its root, and the values that its instructions set."""

    root: Path
    workdir: str = "/"
    environment: dict[str, str] = field(default_factory=dict)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    user: str = "root"

    def localize(self, text: str) -> str:
        """Replace absolute paths of the image in a text by paths under the root."""
        return re.sub(r"(?<![\w.}/])/(?=(opt|app|src)\b)", f"{self.root}/", text)

    def path(self, text: str) -> Path:
        """Return the local path of a path of the image."""
        return self.root / str(PurePosixPath(self.workdir, text)).lstrip("/")

    def run(self, words: list[str], **options: object) -> subprocess.Popen[str]:
        """Start a command like the image does, without the environment variables of this process except PATH."""
        environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(self.root)}
        environment |= {name: os.environ[name] for name in os.environ if name.startswith("PIP_") or "CERT" in name}
        environment |= {name: self.localize(value) for name, value in self.environment.items()}
        cwd = self.path(".")
        cwd.mkdir(parents=True, exist_ok=True)
        return subprocess.Popen([self.localize(word) for word in words], cwd=cwd, env=environment, text=True, **options)


def build(file: Path, context: Path, folder: Path) -> Stage:
    """Build a container file, and return its last stage."""
    stages: dict[str, Stage] = {}
    stage = Stage(folder)
    for instruction in read(file):
        name, text = instruction.name, instruction.text
        if name == "FROM":
            label = text.partition(" AS ")[2] or "last"
            stage = stages[label] = Stage(folder / label)
            stage.root.mkdir(parents=True)
        elif name == "WORKDIR":
            stage.workdir = text
        elif name == "ENV":
            stage.environment |= dict(word.split("=", 1) for word in instruction.words)
        elif name == "USER":
            stage.user = text
        elif name == "ENTRYPOINT":
            stage.entrypoint = instruction.words
        elif name == "CMD":
            stage.command = instruction.words
        elif name == "COPY":
            copy(instruction, context, stages, stage)
        elif name == "RUN" and not text.startswith(SYSTEM_COMMANDS):
            # The interpreter of this process replaces the Python of the image.
            done = stage.run(["/bin/sh", "-c", re.sub(r"^python\b", sys.executable, text)])
            assert done.wait() == 0, text
    return stage


def copy(instruction: Instruction, context: Path, stages: dict[str, Stage], stage: Stage) -> None:
    """Copy files and the contents of folders from the context or from another stage."""
    *sources, target = instruction.words
    for source in sources:
        origin = stages[instruction.flags["from"]].path(source) if "from" in instruction.flags else context / source
        destination = stage.path(target)
        if origin.is_dir():
            # A stage is not changed after another stage copies from it, so that links replace gigabytes of copies.
            copy_file = os.link if "from" in instruction.flags else shutil.copy2
            shutil.copytree(origin, destination, symlinks=True, dirs_exist_ok=True, copy_function=copy_file)
        else:
            destination = destination / origin.name if target.endswith("/") else destination
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(origin, destination)
