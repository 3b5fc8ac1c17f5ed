"""Container files, read and followed without a container engine.

Each stage gets a folder in the place of its file system: an absolute path of the image lies below it. What a `RUN`
does to the operating system itself is left out, and is named in `SYSTEM`.
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

SYSTEM = ("useradd",)


@dataclass(frozen=True)
class Instruction:
    """One instruction: its name, its flags such as `from`, and the rest of it."""

    name: str
    flags: dict[str, str]
    text: str

    @property
    def words(self) -> list[str]:
        """Its words: of a JSON list, or of a line."""
        return json.loads(self.text) if self.text.startswith("[") else shlex.split(self.text)


def read(path: Path) -> list[Instruction]:
    """Instructions of a container file, with its ARGs' defaults filled in."""
    text = re.sub(r"^\s*#.*\n", "", path.read_text(), flags=re.M)
    found, known = [], {}
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        name, _, rest = line.strip().partition(" ")
        flags = dict(re.findall(r"--(\w+)=(\S+)", re.match(r"(--\w+=\S+\s+)*", rest)[0]))
        rest = re.sub(r"^(--\w+=\S+\s+)*", "", rest)
        rest = re.sub(r"\$\{(\w+)\}", lambda match: known[match[1]], rest) if name == "FROM" else rest
        if name == "ARG":
            known.update([rest.split("=", 1)])
        elif name:
            found.append(Instruction(name, flags, rest))
    return found


@dataclass
class Stage:
    """A stage that is being made: its folder, and what its instructions have set."""

    root: Path
    workdir: str = "/"
    environment: dict[str, str] = field(default_factory=dict)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    user: str = "root"

    def here(self, text: str) -> str:
        """Put the image's own absolute paths in a text below the stage's folder."""
        return re.sub(r"(?<![\w.}/])/(?=(opt|app|src)\b)", f"{self.root}/", text)

    def path(self, text: str) -> Path:
        """Path of the image, in the stage's folder."""
        return self.root / str(PurePosixPath(self.workdir, text)).lstrip("/")

    def run(self, words: list[str], **options: object) -> subprocess.Popen[str]:
        """Start a command as the image would: nothing of this process's environment but where programs are."""
        environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(self.root)}
        environment |= {name: os.environ[name] for name in os.environ if name.startswith("PIP_") or "CERT" in name}
        environment |= {name: self.here(value) for name, value in self.environment.items()}
        cwd = self.path(".")
        cwd.mkdir(parents=True, exist_ok=True)
        return subprocess.Popen([self.here(word) for word in words], cwd=cwd, env=environment, text=True, **options)


def build(file: Path, context: Path, folder: Path) -> Stage:
    """Follow a container file; its last stage."""
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
        elif name == "RUN" and not text.startswith(SYSTEM):
            # The python of the image is the one that runs this.
            done = stage.run(["/bin/sh", "-c", re.sub(r"^python\b", sys.executable, text)])
            assert done.wait() == 0, text
    return stage


def copy(instruction: Instruction, context: Path, stages: dict[str, Stage], stage: Stage) -> None:
    """Copy files and folders' contents, from the context or from another stage."""
    *sources, target = instruction.words
    for source in sources:
        origin = stages[instruction.flags["from"]].path(source) if "from" in instruction.flags else context / source
        place = stage.path(target)
        if origin.is_dir():
            shutil.copytree(origin, place, symlinks=True, dirs_exist_ok=True)
        else:
            place = place / origin.name if target.endswith("/") else place
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(origin, place)
