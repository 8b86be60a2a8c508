"""Arrays and operators -> ONNX. A small pen for graphs whose every step is also written in numpy beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt.registry import need

_OPSET = {"": 17, "ai.onnx.ml": 3}
_IR = 8


_NODES = ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids")
_LEAVES = ("treeids", "nodeids", "ids", "weights")


@dataclass(frozen=True, slots=True)
class Tree:
    """A decision tree: row to the left where its feature is at most the threshold."""

    left: NDArray[np.integer]
    "number of the node, or of the node itself in a leaf"
    right: NDArray[np.integer]
    feature: NDArray[np.integer]
    threshold: NDArray[np.floating]
    leaf: NDArray[np.bool_]
    values: Mapping[int, NDArray[np.floating]]
    "target -> its value in each node; those of leaves count"

    def add(self, number: int, nodes: dict[str, list[Any]], leaves: dict[str, list[Any]]) -> None:
        """Append to the attributes of an ensemble."""
        count, ends = len(self.left), np.flatnonzero(self.leaf)
        nodes["treeids"] += [number] * count
        nodes["nodeids"] += range(count)
        nodes["featureids"] += np.where(self.leaf, 0, self.feature).tolist()
        nodes["modes"] += np.where(self.leaf, "LEAF", "BRANCH_LEQ").tolist()
        nodes["values"] += np.where(self.leaf, 0, _below(self.threshold)).tolist()
        nodes["truenodeids"] += np.where(self.leaf, 0, self.left).tolist()
        nodes["falsenodeids"] += np.where(self.leaf, 0, self.right).tolist()
        for target, values in self.values.items():
            leaves["treeids"] += [number] * len(ends)
            leaves["nodeids"] += ends.tolist()
            leaves["ids"] += [target] * len(ends)
            leaves["weights"] += values[ends].astype(np.float32).tolist()


def _below(threshold: NDArray[np.floating]) -> NDArray[np.float32]:
    """The largest float32 that is not above, so that a float32 row takes the same turn."""
    with np.errstate(over="ignore"):
        near = threshold.astype(np.float32)
    down: NDArray[np.float32] = np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near)
    return np.minimum(down, np.finfo(np.float32).max)


class Graph:
    """A graph that is being drawn: `x` (n, dimensions) in, whatever is named out.

    >>> graph = Graph(2)
    >>> graph.output("probs", graph.node("Softmax", "x", axis=-1), 2)
    >>> len(graph.model()) > 0
    True
    """

    def __init__(self, dim: int) -> None:
        """Begin with an input of so many columns.

        Raises:
            MissingExtraError: the extra `train` is not installed.
        """
        self._onnx = need("onnx", extra="train")
        self._dim = dim
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._outputs: list[Any] = []

    def constant(self, value: NDArray[Any] | Sequence[float] | float) -> str:
        """Add an array, as float32 unless it holds whole numbers; return its name."""
        array = np.asarray(value)
        array = array.astype(np.int64 if array.dtype.kind in "iu" else np.float32)
        name = f"c{len(self._constants)}"
        self._constants.append(self._onnx.numpy_helper.from_array(array, name))
        return name

    def node(self, operator: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: Any) -> str:
        """Add an operator; return the name of its last output."""
        names = [f"n{len(self._nodes)}_{i}" for i in range(outputs)]
        self._nodes.append(self._onnx.helper.make_node(operator, inputs, names, domain=domain, **attributes))
        return names[-1]

    def affine(self, x: str, weights: NDArray[Any], bias: NDArray[Any]) -> str:
        """Add x @ weights + bias."""
        return self.node("Gemm", x, self.constant(weights), self.constant(bias))

    def trees(self, x: str, trees: Sequence[Tree], base: NDArray[Any]) -> str:
        """Add the sum of trees to `base` (targets,); return the name of the sums (n, targets)."""
        nodes: dict[str, list[Any]] = {name: [] for name in _NODES}
        leaves: dict[str, list[Any]] = {name: [] for name in _LEAVES}
        for number, tree in enumerate(trees):
            tree.add(number, nodes, leaves)
        attributes: dict[str, Any] = {f"nodes_{name}": values for name, values in nodes.items()}
        attributes |= {f"target_{name}": values for name, values in leaves.items()}
        attributes |= {"base_values": base.astype(np.float32).tolist(), "n_targets": len(base)}
        return self.node("TreeEnsembleRegressor", x, domain="ai.onnx.ml", **attributes)

    def output(self, name: str, of: str, columns: int) -> None:
        """Give a value a name for the outside, shape (n, columns)."""
        make = self._onnx.helper
        self._nodes.append(make.make_node("Identity", [of], [name]))
        self._outputs.append(make.make_tensor_value_info(name, self._onnx.TensorProto.FLOAT, ["n", columns]))

    def model(self) -> bytes:
        """Finish: the graph, checked."""
        make = self._onnx.helper
        x = make.make_tensor_value_info("x", self._onnx.TensorProto.FLOAT, ["n", self._dim])
        graph = make.make_graph(self._nodes, "head", [x], self._outputs, self._constants)
        opsets = [make.make_opsetid(domain, number) for domain, number in _OPSET.items()]
        model = make.make_model(graph, opset_imports=opsets, ir_version=_IR)
        self._onnx.checker.check_model(model)
        made: bytes = model.SerializeToString()
        return made
