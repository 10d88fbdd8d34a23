r"""Makes classify/model/asides.npz: which sentences of an order say nothing of its goods.

    .venv/bin/python -m scripts.asides            # some minutes; --check judges and writes nothing

In: classify/corpus/asides/*.jsonl, a sentence a row: `text`, `kind` (an aside, bears on the goods,
or orders some), and `mail` where it was taken from one of the corpus. Out: the weights of
classify/aside_model.py, and how they judge sentences of files that they were not trained with. The
probability from which a sentence counts as an aside is chosen there, for grave ones and for others
(orders/asides.py): the least at which no more than _LEAKS of those that bear on the goods or order
some come out as asides. Sentences with a `mail` have no say in it: they were labelled in view of
that mail, where a date may be what is ordered (a room, a tour), which no sentence says by itself.

Limits: PyTorch's sums differ in the last digits from machine to machine.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional

from postroom.classify import encoder
from postroom.classify.aside_model import KINDS, MOST, SHIPPED
from postroom.classify.orders.asides import is_grave

_CORPUS = Path("classify/corpus/asides")
_HEADS, _SAID, _TOGETHER, _DROPPED = 4, 96, 64, 0.3
_EPOCHS, _BATCH, _RATE, _DECAY, _SMOOTHED, _WARMING = 10, 64, 1.5e-3, 0.02, 0.03, 50
_TURNS = 4  # trainings without some of the files
_SORTED = 20  # batches whose sentences are sorted by length
_LEAKS = 0.003  # of all sentences that are no asides, in the grave ones and in the others
_FAR = -1e4  # added to the logit of what gets no attention

Contexts = NDArray[np.float16]  # [piece, WIDTH] of one sentence
Answers = NDArray[np.float32]  # [sentence, kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentences:
    """The corpus, read by the encoder."""

    texts: list[str]
    contexts: list[Contexts]
    kinds: NDArray[np.int64]
    files: NDArray[np.str_]
    alone: NDArray[np.bool_]  # written for itself, not taken from a mail
    grave: NDArray[np.bool_]


class _Head(nn.Module):
    """Heads of attention over the pieces, their mean, and a small network."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(encoder.WIDTH)
        self.looks = nn.Linear(encoder.WIDTH, _HEADS)
        self.said = nn.Linear(encoder.WIDTH, _SAID)
        self.together = nn.Linear(_HEADS * _SAID + encoder.WIDTH, _TOGETHER)
        self.answer = nn.Linear(_TOGETHER, len(KINDS))
        self.dropped = nn.Dropout(_DROPPED)

    def forward(self, read: Tensor, there: Tensor) -> Tensor:
        """Logits [sentence, kind] of contexts [sentence, piece, WIDTH]; `there` marks pieces."""
        seen = self.dropped(self.norm(read))
        looks = self.looks(seen).masked_fill(~there[..., None], _FAR).softmax(dim=1)
        said = functional.gelu(self.said(seen), approximate="tanh")
        heads = torch.einsum("sph,spn->shn", looks, said).flatten(1)
        mean = (seen * there[..., None]).sum(1) / there.sum(1, keepdim=True)
        together = self.together(self.dropped(torch.cat([heads, mean], dim=1)))
        answer: Tensor = self.answer(self.dropped(functional.gelu(together, approximate="tanh")))
        return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="judge only, write nothing")
    only_judge = parser.parse_args().check
    torch.set_num_threads(1)
    corpus = _read()
    answers = np.zeros((len(corpus.texts), len(KINDS)), dtype=np.float32)
    names = sorted(set(corpus.files))
    for turn in track(range(_TURNS), "each file by others"):
        left = np.isin(corpus.files, names[turn::_TURNS])
        answers[left] = _ask(_fit(corpus, ~left), corpus, left)
    others = corpus.alone & (corpus.kinds != 0)
    surely = _threshold(answers[others & corpus.grave, 0], others.sum())
    likely = _threshold(answers[others & ~corpus.grave, 0], others.sum())
    _print(corpus, answers, surely, likely)
    if not only_judge:
        weights = _fit(corpus, np.ones(len(corpus.texts), dtype=np.bool_)).state_dict()
        kept = {name: value.numpy().astype(np.float16) for name, value in weights.items()}
        digest = encoder.load().digest
        np.savez_compressed(SHIPPED, surely=surely, likely=likely, digest=digest, **kept)


def _read() -> Sentences:
    rows = [
        (json.loads(line), path.stem)
        for path in sorted(_CORPUS.glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").split("\n")
        if line
    ]
    known = encoder.load()
    return Sentences(
        texts=[row["text"] for row, _ in rows],
        contexts=[
            known.contexts(known.read_alone(row["text"], MOST)).astype(np.float16)
            for row, _ in track(rows, "reading")
        ],
        kinds=np.array([KINDS.index(row["kind"]) for row, _ in rows]),
        files=np.array([file for _, file in rows]),
        alone=np.array(["mail" not in row for row, _ in rows]),
        grave=np.array([is_grave(row["text"]) for row, _ in rows]),
    )


def _fit(corpus: Sentences, chosen: NDArray[np.bool_]) -> _Head:
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    head = _Head()
    optimizer = torch.optim.AdamW(head.parameters(), lr=_RATE, weight_decay=_DECAY)
    (places,) = chosen.nonzero()
    of_an_epoch = -(-len(places) // _BATCH)
    for step in range(_EPOCHS * of_an_epoch):
        if step % of_an_epoch == 0:
            batches = _batches(corpus, random.permutation(places), random)
        share = 0.5 * (1 + np.cos(np.pi * step / (_EPOCHS * of_an_epoch)))
        for group in optimizer.param_groups:
            group["lr"] = _RATE * share * min(1.0, (step + 1) / _WARMING)
        batch = batches[step % of_an_epoch]
        said = head(*_batch([corpus.contexts[place] for place in batch]))
        truth = torch.from_numpy(corpus.kinds[batch])
        optimizer.zero_grad()
        functional.cross_entropy(said, truth, label_smoothing=_SMOOTHED).backward()
        optimizer.step()
    return head.eval()


def _batches(
    corpus: Sentences, places: NDArray[np.int64], random: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Places in batches whose sentences are about as long, in no order."""
    size, batches = _BATCH * _SORTED, list[NDArray[np.int64]]()
    for begin in range(0, len(places), size):
        some = sorted(places[begin : begin + size], key=lambda place: len(corpus.contexts[place]))
        batches += [np.array(some[at : at + _BATCH]) for at in range(0, len(some), _BATCH)]
    return [batches[number] for number in random.permutation(len(batches))]


def _ask(head: _Head, corpus: Sentences, chosen: NDArray[np.bool_]) -> Answers:
    (places,) = chosen.nonzero()
    with torch.no_grad():
        said = [head(*_batch([corpus.contexts[place]])).softmax(dim=1).numpy() for place in places]
    return np.concatenate(said)


def _batch(contexts: Sequence[Contexts]) -> tuple[Tensor, Tensor]:
    longest = max(map(len, contexts))
    read = np.zeros((len(contexts), longest, encoder.WIDTH), dtype=np.float32)
    there = np.zeros((len(contexts), longest), dtype=np.bool_)
    for number, one in enumerate(contexts):
        read[number, : len(one)] = one
        there[number, : len(one)] = True
    return torch.from_numpy(read), torch.from_numpy(there)


def _threshold(others: NDArray[np.float32], all_others: int) -> float:
    """The least probability at which no more than _LEAKS of all that is no aside counts as one."""
    others = np.sort(others)[::-1]
    return float(np.nextafter(others[int(_LEAKS * all_others)], np.float32(1)))


def _print(corpus: Sentences, answers: Answers, surely: float, likely: float) -> None:
    taken = answers[:, 0] >= np.where(corpus.grave, surely, likely)
    table = Table("file", "sentences", "right", *(f"{kind}: as asides" for kind in KINDS))
    for name in [*sorted(set(corpus.files)), "all"]:
        of_file = (corpus.files == name) | (name == "all")
        said, kinds = answers[of_file], corpus.kinds[of_file]
        counted = [f"{taken[of_file][kinds == kind].mean():.4f}" for kind in range(len(KINDS))]
        right = ((said[:, 0] > 0.5) == (kinds == 0)).mean()
        table.add_row(name, str(of_file.sum()), f"{right:.3f}", *counted)
    console = Console()
    console.print(table, f"from {surely:.4f} on; not grave: from {likely:.4f} on", sep="\n")
    wrong = corpus.alone & (corpus.kinds != 0) & taken
    for place in wrong.nonzero()[0]:
        console.print(f"{KINDS[corpus.kinds[place]]}: {corpus.texts[place]}", markup=False)


if __name__ == "__main__":
    main()
