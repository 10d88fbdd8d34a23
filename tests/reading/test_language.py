"""Language: five are told apart, their neighbours are none of them."""

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.reading.language import detect

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("ru", "Добрый день! Просим выставить счёт на болты М8."),
        ("ru", "заказ"),
        ("ru", "Заявка: Valve DN50 PN16 - 10 шт, Pump CR5 - 2 шт"),
        ("en", "Please send us 10 valves as soon as possible."),
        ("en", "Order confirmation for your delivery"),
        ("de", "Bitte senden Sie uns 10 Ventile."),
        ("de", "Guten Tag, anbei unsere Bestellung. Mit freundlichen Gruessen"),
        ("fr", "Veuillez nous envoyer 10 vannes. Cordialement"),
        ("es", "Por favor, envíennos 10 válvulas. Gracias"),
        ("other", "Per favore inviateci 10 valvole, grazie. Cordiali saluti"),
        ("other", "Graag 10 kleppen bestellen. Met vriendelijke groet"),
        ("other", "Prosimy o przesłanie 10 zaworów. Pozdrawiam, dziękuję i do widzenia"),
        ("other", "Favor enviar 10 válvulas. Obrigado, não se esqueçam do prazo"),
        ("other", "Доброго дня! Прошу надіслати рахунок на болти, дякуємо вам"),
        ("other", "请发报价单，谢谢"),
        ("other", "שלום רב, מצורפת הזמנה"),
        ("other", "12345 +7 000 !!!"),
        ("other", ""),
    ],
)
def test_languages_are_told_apart(language: str, text: str) -> None:
    assert detect(text) == language


@given(st.text(max_size=300))
def test_any_text_has_an_answer(text: str) -> None:
    assert detect(text) in ("ru", "en", "de", "fr", "es", "other")


@pytest.mark.parametrize("name", ["written_ru.jsonl", "written_en_de.jsonl"])
def test_nearly_all_written_mails_are_told_right(name: str) -> None:
    path = CORPUS / name
    if not path.is_file():
        pytest.skip("shared/corpus is absent")
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    hits = Counter(detect(f"{row['body']}\n{row['subject']}") == row["lang"] for row in rows)
    assert hits[True] >= 0.98 * len(rows), hits
