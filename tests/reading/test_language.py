"""Language: five are told apart, their neighbours are none of them."""

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.reading.language import detect, of_mail

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
        (
            "other",
            "Здравейте, бихме искали да поръчаме 10 броя клапани. Моля, потвърдете цената и срока "
            "за доставка. Плащането ще бъде извършено по банков път след получаване на фактура. "
            "Благодаря предварително и оставам на разположение за въпроси. Поздрави, Иван",
        ),
        (
            "ru",
            "Коллеги, направляю протокол. Решили: инвентаризацию склада перенести на декабрь, "
            "подготовить справку по простоям за ноябрь, вопрос о парковке рассмотреть в январе. "
            "Если есть замечания, присылайте до пятницы, потом отправлю директору на подпись. "
            "Копию для архива, пожалуйста, распечатайте и положите в папку отдела снабжения.",
        ),
        ("other", "请发报价单，谢谢"),
        ("other", "שלום רב, מצורפת הזמנה"),
        ("other", "12345 +7 000 !!!"),
        ("other", ""),
    ],
)
def test_languages_are_told_apart(language: str, text: str) -> None:
    assert detect(text) == language


PARTS = {
    "en": "{n} Stk Hydraulic seal kit for pump model HX-{n}00 with ring",
    "de": "{n} Stück Dichtung für die Pumpe mit Ring und Schraube DN{n}0",
    "maker": "Siemens SIMATIC S7-1200 CPU module 6ES7 21{n}-1AG40-0XB0 - {n} шт",
}
LOG = (
    "Fatal error: could not connect to the server, the connection was refused by the remote host "
    "and the service is not available at this time. Please check if the server is running."
)


@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize(
    ("language", "subject", "above", "signature"),
    [
        ("ru", "Заявка 17", "Добрый день!\nПросим отгрузить:", "С уважением,\nИван"),
        ("ru", "Order", "Добрый день, нужно:", ""),
        ("de", "Bestellung 17", "Guten Tag,\n\nbitte liefern Sie:", "Mit freundlichen Grüßen"),
        ("en", "Order 17", "Hello,\nplease send us:", "Kind regards\nAnna"),
        ("en", "Order 17", "Dear Sirs,\nplease send us:", "Mit freundlichen Grüßen\nAnna"),
        ("fr", "Commande", "Bonjour,\nveuillez nous livrer :", "Cordialement"),
        ("es", "Pedido 17", "Buenos días:\nnecesitamos lo siguiente:", "Un saludo"),
    ],
)
def test_the_author_is_heard_above_the_parts_he_lists(
    language: str, subject: str, above: str, signature: str, parts: str
) -> None:
    listed = "\n".join(PARTS[parts].format(n=n) for n in range(2, 9))
    assert of_mail(f"{above}\n\n{listed}", subject, signature) == language


@pytest.mark.parametrize(
    ("language", "above", "below"),
    [
        ("de", "Hallo, die Software startet nicht, im Protokoll steht:", "Bitte um Hilfe."),
        ("ru", "Здравствуйте! Не запускается программа, в журнале:", "Помогите, пожалуйста."),
        ("en", "Hello, the program does not start, it says:", "Please help."),
    ],
)
def test_the_author_is_heard_above_the_log_he_pastes(language: str, above: str, below: str) -> None:
    assert of_mail(f"{above}\n\n{LOG}\n\n{below}", "E42") == language


@pytest.mark.parametrize(
    ("language", "new", "subject", "signature"),
    [
        ("de", "5 Stk AB-1200\n3 Stk AB-1300", "AB-1200", "Mit freundlichen Grüßen\nAnna Müller"),
        ("de", "Bestelle hiermit 10 Stk Dichtung DN50. MfG Müller", "Dichtungen", ""),
        ("ru", "AB-1200\nAB-1300", "Заявка", ""),
        ("other", "AB-1200 5\nAB-1300 3", "AB", ""),
        ("other", "", "", ""),
    ],
)
def test_subject_and_closing_count_where_the_text_says_little(
    language: str, new: str, subject: str, signature: str
) -> None:
    assert of_mail(new, subject, signature) == language


@given(st.text(max_size=300), st.text(max_size=30))
def test_any_text_has_an_answer(text: str, subject: str) -> None:
    for found in (detect(text), of_mail(text, subject, text)):
        assert found in ("ru", "en", "de", "fr", "es", "other")


@pytest.mark.parametrize("name", ["written_ru.jsonl", "written_en_de.jsonl"])
def test_nearly_all_written_mails_are_told_right(name: str) -> None:
    path = CORPUS / name
    if not path.is_file():
        pytest.skip("shared/corpus is absent")
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    hits = Counter(of_mail(row["body"], row["subject"]) == row["lang"] for row in rows)
    assert hits[True] >= 0.98 * len(rows), hits
