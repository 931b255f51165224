"""Makes a TFLite model with 16-bit weights one with 32-bit weights, which tract reads.

TensorFlow keeps such weights as halves with a `DEQUANTIZE` operator behind each.
Usage: widen_weights.py MODEL.tflite RESULT.tflite
"""

import sys

import flatbuffers
import numpy
from ai_edge_litert import schema_py_generated as tflite


def main(source, result):
    with open(source, "rb") as file:
        model = tflite.ModelT.InitFromPackedBuf(file.read())
    graph = model.subgraphs[0]
    for operator in graph.operators:
        if is_dequantize(model, operator):
            widen(model, graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]])
    graph.operators = [it for it in graph.operators if not is_dequantize(model, it)]
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    with open(result, "wb") as file:
        file.write(builder.Output())


def is_dequantize(model, operator):
    code = model.operatorCodes[operator.opcodeIndex]
    return max(code.builtinCode, code.deprecatedBuiltinCode) == tflite.BuiltinOperator.DEQUANTIZE


def widen(model, halves, singles):
    """Gives the operator's result the weights as a constant."""
    buffer = model.buffers[halves.buffer]
    weights = numpy.asarray(buffer.data, dtype=numpy.uint8).view(numpy.float16)
    buffer.data = weights.astype(numpy.float32).view(numpy.uint8)
    singles.buffer = halves.buffer


if __name__ == "__main__":
    main(*sys.argv[1:])
