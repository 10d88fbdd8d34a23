"""The upper half of the sentence encoder, trained with our mail: its arithmetic, and its training.

In: `Contexts` of many mails (encoder.py), and their classes. Out: `Weights`, named arrays that
export.py writes as an ONNX graph, and logits [mail, category].

The encoder's first layers stay as they are; the next ones are trained on from what they were, and
see of each piece also which part of the message it stands in. A few attention queries, the mean and
the maximum over all pieces make of it one vector for the message (Lin et al., A Structured
Self-attentive Sentence Embedding, 2017), a hidden layer the logits. Trained by AdamW, the encoder's
own weights at a lower rate than what begins at random (Howard and Ruder, Universal Language Model
Fine-tuning for Text Classification, 2018), with dropout of pieces and numbers.

Needs PyTorch (the extra `train`), which running does not. The same mails and seed give the same
weights on the same machine; where the processor has bfloat16, products are made in it.

Limits: what the first layers do not say of a piece is lost.
"""

import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn
from torch.nn import functional

from . import encoder, features
from .encoder import EPSILON, HEADS, TRAINED, WIDTH, Encoder
from .judge import Classes, Numbers
from .network import Weights, loss

QUERIES, HIDDEN = 4, 192
_EPOCHS, _BATCH, _RATE, _DECAY, _CLIP = 3, 32, 1e-3, 1e-2, 1.0
_CAREFUL = 0.15  # of the rate, for what knows much before it sees our mail
_WARMING = 0.05  # of all steps
_DROPPED_PIECES, _DROPPED = 0.1, 0.2
_TOGETHER = 50  # batches whose mails are sorted by length
_LOCK = Lock()  # of PyTorch's own chance, which is one for all threads
_FAR = -1e4  # added to the logit of what gets no attention


@dataclass(frozen=True, slots=True, kw_only=True)
class Contexts:
    """What the encoder's first layers say of many mails, one mail after the other."""

    contexts: NDArray[np.float16]  # [piece of all mails, WIDTH]
    parts: NDArray[np.int8]  # [piece of all mails]: encoder.Reading's
    lengths: NDArray[np.int64]  # pieces of each mail

    def batch(self, mails: NDArray[np.int64]) -> "_Batch":
        """Some mails, filled up to the longest of them."""
        lengths = self.lengths[mails]
        first = np.cumsum(self.lengths)[mails] - lengths
        inside = np.arange(int(lengths.max())) < lengths[:, None]
        places = np.where(inside, first[:, None] + np.arange(inside.shape[1]), first[:, None])
        return _Batch(
            contexts=torch.from_numpy(self.contexts[places]),
            parts=torch.from_numpy(self.parts[places].astype(np.int64)),
            inside=torch.from_numpy(inside),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    contexts: Tensor  # [mail, piece, WIDTH]
    parts: Tensor  # [mail, piece]
    inside: Tensor  # [mail, piece]: is there a piece


def contexts(texts: Sequence[tuple[str, ...]], known: Encoder) -> Contexts:
    """The contexts of many mails, by their texts; 70 kB of a temporary file for each."""
    read = [known.read(one) for one in texts]
    lengths = np.array([len(one.pieces) for one in read])
    ends = np.cumsum(lengths)
    with TemporaryFile() as file:
        made = np.memmap(file, np.float16, "w+", shape=(int(ends[-1]), WIDTH))
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # each session counts on one thread
        found = pool.map(known.contexts, (one.pieces for one in read))
        for some, end in zip(found, ends.tolist(), strict=True):
            made[end - len(some) : end] = some
    parts = np.concatenate([one.parts for one in read]).astype(np.int8)
    return Contexts(contexts=made, parts=parts, lengths=lengths)


class _Layer(nn.Module):
    """A layer of the encoder; the names are layers.py's."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.Linear(WIDTH, 3 * WIDTH)
        self.attended = nn.Linear(WIDTH, WIDTH)
        self.attended_norm = nn.LayerNorm(WIDTH, EPSILON)
        self.wide = nn.Linear(WIDTH, 4 * WIDTH)
        self.narrow = nn.Linear(4 * WIDTH, WIDTH)
        self.narrow_norm = nn.LayerNorm(WIDTH, EPSILON)

    def forward(self, given: Tensor, far: Tensor) -> Tensor:
        mails, length, _ = given.shape
        all_three = self.attention(given).view(mails, length, 3, HEADS, WIDTH // HEADS)
        queries, keys, values = all_three.permute(2, 0, 3, 1, 4)
        weighed = (queries @ keys.transpose(-1, -2) + far).softmax(-1)
        said = (weighed @ values).transpose(1, 2).reshape(mails, length, WIDTH)
        half = self.attended_norm(given + self.attended(said))
        wide = functional.gelu(self.wide(half))
        made: Tensor = self.narrow_norm(half + self.narrow(wide))
        return made


class _Network(nn.Module):
    def __init__(self, categories: int) -> None:
        super().__init__()
        self.parts = nn.Embedding(features.PARTS + 1, WIDTH)
        self.layers = nn.ModuleList(_Layer() for _ in range(TRAINED))
        self.queries = nn.Linear(WIDTH, QUERIES, bias=False)
        self.hidden = nn.Linear((QUERIES + 2) * WIDTH, HIDDEN)
        self.output = nn.Linear(HIDDEN, categories)

    def forward(self, batch: _Batch, chance: Generator | None = None) -> Tensor:
        """The logits of a batch; with a chance some pieces and numbers are left out at random."""
        dtype = torch.bfloat16 if torch.is_autocast_enabled("cpu") else torch.float32
        now, inside = batch.contexts.to(dtype), batch.inside
        if chance is not None:  # the first piece is always there
            kept = torch.rand(inside.shape, generator=chance) >= _DROPPED_PIECES
            kept[:, 0] = True
            inside = inside & kept
        now = now + self.parts(batch.parts).to(dtype)
        absent = ~inside
        far = (absent[:, None, None] * _FAR).to(dtype)
        for layer in self.layers:
            now = layer(now, far)
        weighed = (self.queries(now).float() + absent[..., None] * _FAR).softmax(1)
        share = (inside / inside.sum(1, keepdim=True))[..., None]
        attended = torch.cat([weighed, share], 2).transpose(1, 2) @ now
        highest = now.masked_fill(absent[..., None], _FAR).amax(1)
        whole = _dropped(chance, torch.cat([attended.flatten(1), highest], 1))
        made: Tensor = self.output(_dropped(chance, functional.relu(self.hidden(whole))))
        return made


def _dropped(chance: Generator | None, values: Tensor) -> Tensor:
    if chance is None:
        return values
    kept = torch.empty_like(values).bernoulli_(1 - _DROPPED, generator=chance)
    return values * kept.div_(1 - _DROPPED)


def fit(
    given: Contexts,
    chosen: NDArray[np.int64],
    truth: Classes,
    weights: Numbers,
    categories: int,
    seed: int,
) -> Weights:
    """The weights of the upper half, trained on the chosen mails."""
    random = np.random.default_rng(seed)
    network, chance = _start(categories, seed)
    careful: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        (careful if name.startswith("layers.") else free).append(parameter)
    optimiser = torch.optim.AdamW(
        [{"params": careful, "share": _CAREFUL}, {"params": free, "share": 1.0}],
        lr=_RATE, weight_decay=_DECAY, fused=True,
    )  # fmt: skip
    batches = [batch for _ in range(_EPOCHS) for batch in _batches(given, chosen, random)]
    for step, mails in enumerate(batches):
        for group in optimiser.param_groups:
            group["lr"] = group["share"] * _rate(step / len(batches))
        with _quickly():
            said = network(given.batch(mails), chance)
        optimiser.zero_grad()
        torch.autograd.backward(loss(said.float(), truth[mails], weights[mails]))
        nn.utils.clip_grad_norm_(network.parameters(), _CLIP)
        optimiser.step()
    return {name: value.detach().numpy() for name, value in network.state_dict().items()}


def logits(given: Contexts, chosen: NDArray[np.int64], weights: Weights) -> Numbers:
    """What the upper half says [mail, category] of the chosen mails."""
    with torch.device("meta"):  # nothing is drawn: all weights are given
        network = _Network(len(weights["output.bias"]))
    known = {name: torch.from_numpy(value) for name, value in weights.items()}
    network.load_state_dict(known, assign=True)
    answers = np.zeros((len(chosen), len(weights["output.bias"])))
    order = np.argsort(given.lengths[chosen], kind="stable")
    with torch.inference_mode(), _quickly():
        for begin in range(0, len(order), _BATCH):
            some = order[begin : begin + _BATCH]
            answers[some] = network(given.batch(chosen[some])).float().numpy()
    return answers


def _start(categories: int, seed: int) -> tuple[_Network, Generator]:
    """The network with the encoder's own layers, and the chance for what follows."""
    chance = Generator()
    with _LOCK, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _Network(categories)
        chance.set_state(torch.get_rng_state())
    nn.init.zeros_(network.parts.weight)
    known = encoder.upper_half()
    for number, layer in enumerate(network.layers):
        own = {name: known[f"{number} {name}"] for name in layer.state_dict()}
        layer.load_state_dict({name: torch.from_numpy(value) for name, value in own.items()})
    return network, chance


def _batches(
    given: Contexts, chosen: NDArray[np.int64], random: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Mails of about one length, a batch."""
    shuffled = random.permutation(chosen)
    batches = []
    for begin in range(0, len(shuffled), _TOGETHER * _BATCH):
        some = shuffled[begin : begin + _TOGETHER * _BATCH]
        some = some[np.argsort(given.lengths[some], kind="stable")]
        batches += [some[at : at + _BATCH] for at in range(0, len(some), _BATCH)]
    return (batches[index] for index in random.permutation(len(batches)))


def _rate(done: float) -> float:
    """Rises at first, then falls along a cosine."""
    if done < _WARMING:
        return _RATE * done / _WARMING
    return _RATE * 0.5 * (1.0 + math.cos(math.pi * (done - _WARMING) / (1.0 - _WARMING)))


def _quickly() -> torch.autocast:
    """Products in bfloat16, where the processor has it."""
    try:
        has = "avx512_bf16" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        has = False
    return torch.autocast("cpu", torch.bfloat16, enabled=has)
