"""Build hook: add the model, schemas, views, and example calls to the wheel, as `callmood/_data`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

DATA = ("schemas/**/*.*", "model/emotion.*", "model/speech.npz", "model/speakers.npz", "tests/examples/*.wav")


class DataHook(BuildHookInterface):
    """Include the data files that `callmood.resources` reads. An editable install reads them from the checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files to a standard wheel."""
        root = Path(self.root)
        if version == "editable" or not (root / "schemas").is_dir():  # container files install the dependencies only
            return
        for pattern in DATA:
            for file in sorted(root.glob(pattern)):
                name = file.relative_to(root).as_posix().replace("tests/examples", "examples")
                build_data["force_include"][str(file)] = f"callmood/_data/{name}"
