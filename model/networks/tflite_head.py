"""The head inside a TFLite file: read its weights, or replace them. All other bytes stay."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from tensorflow.lite.python import schema_py_generated as schema

Weights = list[NDArray[np.float32]]
"""list of ndarray: kernel (inputs, units) and bias (units,) of each dense layer, in the order of Keras."""

_INT8_LIMIT = 127


class _Constant:
    """A constant of a TFLite file, float32 or with 8 bits and one scale. Writing changes the file in place."""

    def __init__(self, model: Any, tensor: Any) -> None:
        self._tensor = tensor
        self._bytes: NDArray[np.uint8] = model.Buffers(tensor.Buffer()).DataAsNumpy()
        self._shape = tuple(tensor.ShapeAsNumpy())

    def read(self) -> NDArray[np.float32]:
        if self._tensor.Type() == schema.TensorType.FLOAT32:
            return self._bytes.view(np.float32).reshape(self._shape).copy()
        value: NDArray[np.float32] = self._bytes.view(np.int8).reshape(self._shape) * self._scale()[0]
        return value

    def write(self, value: NDArray[np.float32]) -> None:
        if self._tensor.Type() == schema.TensorType.FLOAT32:
            self._bytes.view(np.float32)[:] = value.ravel()
            return
        scale = np.float32(np.abs(value).max() / _INT8_LIMIT)
        self._scale()[:] = scale
        self._bytes.view(np.int8)[:] = np.round(value / scale).astype(np.int8).ravel()

    def _scale(self) -> NDArray[np.float32]:
        scale: NDArray[np.float32] = self._tensor.Quantization().ScaleAsNumpy()
        return scale


def _constants(content: bytearray) -> list[_Constant]:
    """Return kernel and bias of each dense layer of the signature `classify`."""
    model = schema.Model.GetRootAsModel(content, 0)
    signatures = [model.SignatureDefs(i) for i in range(model.SignatureDefsLength())]
    (classify,) = (each for each in signatures if each.SignatureKey() == b"classify")
    graph = model.Subgraphs(classify.SubgraphIndex())
    constants = []
    for operator in (graph.Operators(i) for i in range(graph.OperatorsLength())):
        code = model.OperatorCodes(operator.OpcodeIndex())
        if max(code.BuiltinCode(), code.DeprecatedBuiltinCode()) == schema.BuiltinOperator.FULLY_CONNECTED:
            constants += [_Constant(model, graph.Tensors(operator.Inputs(i))) for i in (1, 2)]
    return constants


def read_head(content: bytes) -> Weights:
    """Return the weights of the head of a model file."""
    return [np.ascontiguousarray(constant.read().T) for constant in _constants(bytearray(content))]


def replace_head(content: bytes, weights: Weights) -> bytes:
    """Return a model file with other weights of the head.

    Parameters
    ----------
    content : bytes
        A TFLite file, with or without packed files.
    weights : list of ndarray
        Of the same shapes as those of `read_head`.
    """
    changed = bytearray(content)
    for constant, weight in zip(_constants(changed), weights, strict=True):
        constant.write(weight.T)
    return bytes(changed)
