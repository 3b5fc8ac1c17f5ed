"""Make `speech.npz`, the voice detector's weights, from Silero VAD's published network.

    pip download --no-deps silero-vad==6.2.3
    python -m model export-detector silero_vad-6.2.3-py3-none-any.whl

The network stays as its authors trained it (MIT; see NOTICE). The weights are laid out as `callmood.speech.silero` multiplies
them and stored in half precision, which moves no probability by more than 0.01 (docs/decisions/0003-speech-detection.md).
"""

from __future__ import annotations

import argparse
import zipfile
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from model.files import MODEL_DIR

NETWORK = "silero_vad/data/silero_vad_16k_sequence.onnx"


def convolution(weight: NDArray[np.float32], taps: slice = slice(None)) -> NDArray[np.float32]:
    """Turn a convolution's (out, in, taps) kernel into the (taps * in, out) matrix of its unrolled form."""
    return weight.transpose(2, 1, 0)[taps].reshape(-1, weight.shape[0])


def arrange(network: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """Name and lay out the network's arrays as `callmood.speech.silero` uses them."""
    input_bias, recurrent_bias = np.split(network["onnx::LSTM_211"][0], 2)
    return {
        "conv1": convolution(network["encoder.0.weight"]),
        "conv1_bias": network["encoder.0.bias"],
        "conv2": convolution(network["encoder.1.weight"]),
        "conv2_bias": network["encoder.1.bias"],
        # Two frames go in and one comes out: the first tap only ever meets the zero padding.
        "conv3": convolution(network["encoder.2.weight"], slice(1, 3)),
        "conv3_bias": network["encoder.2.bias"],
        # One frame goes in: only the middle tap meets it.
        "conv4": convolution(network["encoder.3.weight"], slice(1, 2)),
        "conv4_bias": network["encoder.3.bias"],
        "lstm_input": network["onnx::LSTM_209"][0].T,
        "lstm_recurrent": network["onnx::LSTM_210"][0].T,
        "lstm_bias": input_bias + recurrent_bias,
        "output": network["output.weight"][0, :, 0],
        "output_bias": network["output.bias"],
    }


def main() -> None:
    """Read the wheel named on the command line, write the weights beside this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path, help="silero_vad-….whl, from PyPI")
    parser.add_argument("--output", type=Path, default=MODEL_DIR / "speech.npz")
    options = parser.parse_args()
    with zipfile.ZipFile(options.wheel) as wheel:
        graph = onnx.load_from_string(wheel.read(NETWORK)).graph
    arrays = arrange({array.name: numpy_helper.to_array(array) for array in graph.initializer})
    np.savez_compressed(options.output, **{name: array.astype(np.float16) for name, array in arrays.items()})
    print(f"{options.output}: {options.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
