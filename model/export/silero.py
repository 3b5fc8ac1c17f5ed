"""Export the weights of the speech detector, `speech.npz`, from Silero VAD's published network.

The network is unchanged (MIT; see NOTICE). The weights are arranged for the multiplications of
`callmood.speech.silero`, and stored in half precision. This changes no probability by more than 0.01.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

NETWORK = "silero_vad/data/silero_vad_16k_sequence.onnx"


def unrolled(kernel: NDArray[np.float32], taps: slice = slice(None)) -> NDArray[np.float32]:
    """Convert a convolution kernel (out, in, taps) to the matrix of its unrolled form, (taps * in, out)."""
    return kernel.transpose(2, 1, 0)[taps].reshape(-1, kernel.shape[0])


def arrange(network: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """Rename and arrange the arrays of the network for `callmood.speech.silero`."""
    input_bias, recurrent_bias = np.split(network["onnx::LSTM_211"][0], 2)
    return {
        "conv1": unrolled(network["encoder.0.weight"]),
        "conv1_bias": network["encoder.0.bias"],
        "conv2": unrolled(network["encoder.1.weight"]),
        "conv2_bias": network["encoder.1.bias"],
        # Two input frames give one output frame, so the first tap only reads the zero padding.
        "conv3": unrolled(network["encoder.2.weight"], slice(1, 3)),
        "conv3_bias": network["encoder.2.bias"],
        # There is one input frame, so only the middle tap reads it.
        "conv4": unrolled(network["encoder.3.weight"], slice(1, 2)),
        "conv4_bias": network["encoder.3.bias"],
        "lstm_input": network["onnx::LSTM_209"][0].T,
        "lstm_recurrent": network["onnx::LSTM_210"][0].T,
        "lstm_bias": input_bias + recurrent_bias,
        "output": network["output.weight"][0, :, 0],
        "output_bias": network["output.bias"],
    }


def export_detector(wheel: Path, output: Path) -> None:
    """Write the weights in a `silero_vad` wheel to a NumPy archive."""
    with zipfile.ZipFile(wheel) as archive:
        graph = onnx.load_from_string(archive.read(NETWORK)).graph
    arrays = arrange({array.name: numpy_helper.to_array(array) for array in graph.initializer})
    np.savez_compressed(output, **{name: array.astype(np.float16) for name, array in arrays.items()})
