"""The texts of replies: where they lie, and the digest that an approval is bound to.

In: a template's name and a language. Out: a `Wording`, the sources of subject, plain text and
HTML as they lie in the files at this moment:

    <name>.<language>.txt.j2     first line "Subject: ...", then the plain text
    <name>.<language>.html.j2    the same in HTML; may be missing

A file in `reply.templates_dir` overrides the shipped one of the same name and language, both parts
together. Whoever judges or renders a wording uses the object, never the files again, so what was
approved is what is sent. Templates cannot include others: the digest covers all of a text.

`is_shipped` says that both files are, to the byte, those of this release (templates/SHA256SUMS).
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from postroom.config import ReplySection
from postroom.failure import PermanentFailure

SHIPPED = Path(__file__).parent / "templates"
LANGUAGES = ("ru", "en", "de")
_SUMS = SHIPPED / "SHA256SUMS"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_FILE = re.compile(rf"({_NAME.pattern})\.({'|'.join(LANGUAGES)})\.txt\.j2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """One template in one language, as its files say it now."""

    name: str
    language: str
    text: str  # source of subject and plain text
    html: str  # source of the HTML part, or empty
    is_shipped: bool  # exactly as this release ships it

    @property
    def digest(self) -> str:
        """SHA-256 over name, language and both sources; any change makes another."""
        return digest_of(self.name, self.language, self.text, self.html)

    @property
    def title(self) -> str:
        """How people and the audit log call it."""
        return f"{self.name}.{self.language}"


def digest_of(name: str, language: str, text: str, html: str) -> str:
    """The digest of a wording with these parts."""
    return hashlib.sha256(json.dumps([name, language, text, html]).encode()).hexdigest()


def find(name: str, language: str, config: ReplySection) -> Wording:
    """The wording of a name in a language, or in English where there is none in that language.

    Where the language could not be told ("other"), the one configured. Raises
    PermanentFailure(template-missing or template-broken).
    """
    language = config.language if language == "other" else language
    for candidate in (language if language in LANGUAGES else "en", "en"):
        if (found := exact(name, candidate, config)) is not None:
            return found
    raise PermanentFailure("template-missing", LookupError(f"{name}.{language}"))


def exact(name: str, language: str, config: ReplySection) -> Wording | None:
    """The wording of a name in just this language, or None.

    Raises PermanentFailure(template-broken) when a file is no readable UTF-8.
    """
    if not _NAME.fullmatch(name) or language not in LANGUAGES:
        return None
    for folder in _folders(config):
        text = _source(folder / f"{name}.{language}.txt.j2")
        if text is not None:
            html = _source(folder / f"{name}.{language}.html.j2") or ""
            known = _shipped_digests().get(f"{name}.{language}")
            shipped = known == digest_of(name, language, text, html)
            return Wording(name=name, language=language, text=text, html=html, is_shipped=shipped)
    return None


def all_of(config: ReplySection) -> list[Wording]:
    """Every wording there is, by name and language. Raises PermanentFailure(template-broken)."""
    titles = {
        (match[1], match[2])
        for folder in _folders(config)
        if folder.is_dir()
        for file in folder.iterdir()
        if (match := _FILE.fullmatch(file.name))
    }
    found = (exact(name, language, config) for name, language in sorted(titles))
    return [wording for wording in found if wording is not None]


def names(config: ReplySection) -> frozenset[str]:
    """The names of all wordings, whatever their language; of a folder that can be read."""
    return frozenset(
        match[1]
        for folder in _folders(config)
        for file in folder.glob("*.txt.j2")
        if (match := _FILE.fullmatch(file.name))
    )


def _folders(config: ReplySection) -> tuple[Path, ...]:
    return (config.templates_dir, SHIPPED) if config.templates_dir else (SHIPPED,)


def _source(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise PermanentFailure("template-broken", error) from error


def _shipped_digests() -> dict[str, str]:
    lines = _SUMS.read_text(encoding="ascii").splitlines()
    return {title: digest for digest, _, title in (line.partition("  ") for line in lines)}
