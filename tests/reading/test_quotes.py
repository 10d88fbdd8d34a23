"""New text, quoted text, signature: the quote marks of many programs in five languages."""

from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.reading import marks
from postroom.reading.html import read_html
from postroom.reading.quotes import Division, divide, plain_lines

OLD = "Старый текст 77"


def of(text: str) -> Division:
    return divide(plain_lines(text))


@pytest.mark.parametrize(
    "introduction",
    [
        # Thunderbird, Gmail, Yandex, Mail.ru, Apple Mail and others, marked or not
        "12.03.2024 16:40, Максим Рябов пишет:",
        "12.03.2024 16:40, Максим Рябов написал:",
        "ср, 13 мар. 2024 г. в 10:20, Максим Рябов <m@x.test>:",
        '12.03.2024, 16:40, "Максим Рябов" <m@x.test>:',
        "Среда, 13 марта 2024, 10:20 +03:00 от Максим Рябов <m@x.test>:",
        "12 марта 2024 г., в 16:40, Максим Рябов <m@x.test> написал(а):",
        "12 марта 2024 г. 16:40 пользователь Максим <m@x.test> написал:",
        "Максим Рябов <m@x.test> писал(а) 12.03.2024 16:40:",
        "On Tue, Mar 12, 2024 at 4:40 PM Max <m@x.test> wrote:",
        "On 12 Mar 2024, at 16:40, Max <m@x.test> wrote:",
        "On 3/12/24 16:40, Max wrote:",
        "Max <m@x.test> wrote on 03/12/2024 04:40:00 PM:",
        "2024-03-12 16:40 GMT+03:00 Max <m@x.test>:",
        "16:40, 12 марта 2024 г., Максим Рябов <m@x.test>:",
        "Am 12.03.2024 um 16:40 schrieb Max Muster:",
        "Am 12.03.2024 schrieb Max Muster <m@x.test>:",
        "Am Di., 12. März 2024 um 16:40 Uhr schrieb Max <m@x.test>:",
        "Le mar. 12 mars 2024 à 16:40, Jean <j@x.test> a écrit :",
        "Le 12/03/2024 16:40, Jean a écrit :",
        "El mar, 12 mar 2024 a las 16:40, Juan (<j@x.test>) escribió:",
        "El 12/03/2024 a las 16:40, Juan escribió:",
        "On Tue, Mar 12, 2024 at 4:40 PM Some Very Long Name Of A Person\n<long@x.test> wrote:",
        # Outlook and its relatives
        "From: Max [mailto:m@x.test]\nSent: Tuesday, March 12, 2024\nTo: Anna\nSubject: Order\n",
        "*From:* Max <m@x.test>\n*Sent:* Tuesday\n*To:* Anna\n*Subject:* Order\n",
        "От: Рябов Максим\nОтправлено: 12 марта 2024 г. 16:40\nКому: Анна\nТема: Заказ\n",
        "Von: Max\nGesendet: Dienstag, 12. März 2024 16:40\nAn: Anna\nBetreff: Auftrag\n",
        "De : Jean <j@x.test>\nEnvoyé : mardi 12 mars 2024 16:40\nÀ : Anna\nObjet : commande\n",
        "De: Juan\nEnviado el: martes, 12 de marzo de 2024 16:40\nPara: Ana\nAsunto: pedido\n",
        "________________________________\nFrom: Max\nSent: Tuesday\nTo: Anna\nSubject: Order\n",
        "-----Original Message-----\nFrom: Max\n",
        "-----Ursprüngliche Nachricht-----\nVon: Max\n",
        "-------- Исходное сообщение --------\nОт: Максим\n",
        "-----Message d'origine-----\nDe : Jean\n",
        "-----Mensaje original-----\nDe: Juan\n",
        "---------- Forwarded message ---------\nFrom: Max <m@x.test>\n",
        '-------- Пересылаемое сообщение --------\n12.03.2024, 16:40, "Макс" <m@x.test>:\n',
        "Begin forwarded message:\n\nFrom: Max <m@x.test>\n",
    ],
)
@pytest.mark.parametrize("mark", ["", "> "])
def test_what_follows_an_introduction_is_old(introduction: str, mark: str) -> None:
    division = of(f"Новый текст 11\n\n{introduction}\n{mark}{OLD}\n")
    assert division.new == "Новый текст 11"
    assert OLD in division.quoted


@pytest.mark.parametrize(
    "text",
    [
        "Dear all,\n\nOn Monday he wrote: nothing.\nPlease note the following:\n- item 1",
        "From: Berlin\nTo: Paris\nis our route, 4 pallets.",
        "Заявка:\nКому: ООО Ромашка\nТема: поставка\nДата: 12.03.2024\n\nПросим 10 шт",
        "Lieferung am 12.03.2024, bitte bestätigen:\n10 Stück Ventil",
        "Contact: anna@x.test, call on 12.03.2024 at 16:40:\nfirst line",
        "Sent from my desk, is much easier then my mobile phone.",
        "a > b\nx | y",
        "| Artikel | Menge |\n| Ventil | 10 |",
        "-- 10 Ventile\n-- 5 Pumpen",
        "Regards the order of last week: please send 10 pcs.",
    ],
)
def test_what_is_no_quotation_stays(text: str) -> None:
    assert of(text).new == text
    assert not of(text).quoted


OWN_WORDS = (
    "On Monday I wrote to you about the nuts:",
    "On 27 November 2026 at 16:40 we already wrote to info@y.test:",
    "Am Montag schrieb ich Ihnen wegen der Pumpe:",
    "Am 27.11.2026 um 16:40 haben wir Ihnen geschrieben:",
    "В понедельник я вам писал:",
    "В пятницу, 27.11.2026 в 16:40, писали мы вам:",
    "Le 27/11/2026, nous vous avons écrit :",
    "El lunes les he escrito:",
)
ANOTHERS = (
    "On the phone Anna said:",
    "On 27.11.2026 you wrote that these are in stock:",
    "Am Montag schrieb Herr Berg:",
    "Am 27.11.2026 um 16:40 schrieb Frau Berg, dass sie lieferbar sind, daher bestellen wir:",
    "Am 27.11.2026 um 16:40 schrieb Frau Berg, was\nlieferbar ist:",
    "В понедельник Анна писала:",
    "Le 12/03/2024, vous nous avez écrit :",
)


@pytest.mark.parametrize("answers", [True, False])
@pytest.mark.parametrize(
    ("sentence", "unsure"),
    [*((one, False) for one in OWN_WORDS), *((one, True) for one in ANOTHERS)],
)
def test_a_sentence_that_says_who_wrote_hides_nothing_below_it(
    sentence: str, unsure: bool, answers: bool
) -> None:
    text = f"Please send 5 pcs of A-1 and 3 pcs of B-2.\n\n{sentence}\n\nB-2 only in blue."
    division = divide(plain_lines(text), answers=answers)
    assert (division.new, division.unsure) == (text, unsure)


@pytest.mark.parametrize(
    "attribution",
    [
        "On Tue, Mar 12, 2024 at 4:40 PM Max <m@x.test> wrote:",
        "Am 12.03.2024 um 16:40 schrieb Max Muster:",
        "ср, 13 мар. 2024 г. в 10:20, Максим Рябов <m@x.test>:",
    ],
)
def test_an_attribution_without_marks_counts_in_an_answer_only(attribution: str) -> None:
    text = f"Please send 5 pcs.\n\n{attribution}\n{OLD}"
    assert divide(plain_lines(text), answers=True).new == "Please send 5 pcs."
    division = divide(plain_lines(text), answers=False)
    assert (division.new, division.unsure) == (text, True)
    marked = divide(plain_lines(text.replace(OLD, f"> {OLD}")), answers=False)
    assert (marked.new, marked.unsure) == ("Please send 5 pcs.", False)


@pytest.mark.parametrize(
    "introduction",
    [
        ">>> Anna Berg <a@b.test> 30.11.2026 12:00 >>>",
        ">>> Anna Berg 11/30/26 10:14 AM >>>",
        ">>> Anna Berg of the very long department <a@b.test>\n30.11.2026 12:00 >>>",
        ">>> On 11/30/2026 at 10:14 AM, in message\n<1@b.test>, Anna Berg <a@b.test> wrote:",
    ],
)
@pytest.mark.parametrize("mark", ["", "> "])
def test_what_stands_below_the_frame_of_groupwise_is_old(introduction: str, mark: str) -> None:
    text = f"Please send 7 pcs.\n\n{introduction}\n{mark}{OLD}"
    division = of(text)
    assert (division.new, division.unsure) == ("Please send 7 pcs.", False)
    assert OLD in division.quoted
    html = "<p>Please send 7 pcs.</p>" + "<br>".join(map(escape, text.split("\n")[2:]))
    if not mark:
        assert divide(read_html(html, 10_000)[0]).new == "Please send 7 pcs."


def test_a_third_quotation_is_no_frame() -> None:
    text = "> one\n>> two\n>>> On 1 Jan 2024, 12:00, A <a@b.test> wrote:\n\n10 pcs\n"
    assert of(text).new == "10 pcs"


def test_answers_below_marks_with_initials_are_new() -> None:
    division = of(
        "Здравствуйте.\n\nВы писали 30 ноября 2026 г., 12:00:00:\n\nАФ> Цена 10\nАФ> Сколько?\n\n"
        "Отгрузите 7 шт.\n\nАФ> Когда?\n\nВ пятницу."
    )
    assert division.new == "Здравствуйте.\n\nОтгрузите 7 шт.\n\nВ пятницу."
    assert not division.unsure


def test_a_prompt_is_no_mark_with_initials() -> None:
    text = "The console says:\nSQL> select 1\nSQL> exit\nWhat now?"
    assert of(text).new == text


def test_answers_between_and_below_quotes_are_new() -> None:
    division = of("> Price?\n10 EUR\n> Time?\ntomorrow\n\n> Place?\n\nHere.\nBob")
    assert division.new == "10 EUR\ntomorrow\n\nHere.\nBob"
    assert division.quoted == "Price?\nTime?\nPlace?"


def test_a_message_below_its_attribution_is_not_swallowed() -> None:
    division = of("anna@x.test writes to the PUMPS discussion list:\n\nNew pump in stock.")
    assert division.new == "New pump in stock."
    assert division.unsure


def test_deeper_quotes_keep_their_inner_marks() -> None:
    assert of("new\n> > oldest\n> old").quoted == "> oldest\nold"


@pytest.mark.parametrize(
    ("text", "new", "signature"),
    [
        ("Send 5.\n-- \nAnna\n+1 555", "Send 5.", "--\nAnna\n+1 555"),
        (
            "Send 5.\n\nBest regards,\nAnna Berg\nBerg Ltd",
            "Send 5.",
            "Best regards,\nAnna Berg\nBerg Ltd",
        ),
        ("Шлите 5 штук.\n\nС уважением,\nАнна", "Шлите 5 штук.", "С уважением,\nАнна"),
        ("5 Stück.\n\nMit freundlichen Grüßen\nAnna", "5 Stück.", "Mit freundlichen Grüßen\nAnna"),
        ("Merci.\n\nCordialement,\nAnne", "Merci.", "Cordialement,\nAnne"),
        ("Gracias.\n\nUn saludo,\nAna", "Gracias.", "Un saludo,\nAna"),
        ("Да\n\nОтправлено с iPhone", "Да", "Отправлено с iPhone"),
        ("Sure\n\nSent from my Galaxy S9", "Sure", "Sent from my Galaxy S9"),
        ("Ja\n\nVon meinem iPhone gesendet", "Ja", "Von meinem iPhone gesendet"),
        ("Thanks,\nAlex", "Thanks,\nAlex", ""),
        (
            "Best regards\n\nP.S. please add 10 pcs of 4711",
            "P.S. please add 10 pcs of 4711",
            "Best regards",
        ),
        ("Send 5.\n-- \nAnna\nPS Antriebe GmbH", "Send 5.", "--\nAnna\nPS Antriebe GmbH"),
        ("Best regards", "Best regards", ""),  # a message is not its own signature
    ],
)
def test_the_signature_is_split_off(text: str, new: str, signature: str) -> None:
    division = of(text)
    assert (division.new, division.signature) == (new, signature)


@pytest.mark.parametrize(
    "added",
    [
        "P.S. Please make it 20.",
        "PS: please make it 20.",
        "ps please make it 20.",
        "P.P.S. Please make it 20.",
        "Nachtrag: bitte doch 15.",
        "Постскриптум: лучше 15.",
        "З.Ы. лучше 15.",
        "P.D. mejor 15.",
        "Correction: make it 20.",
    ],
)
@pytest.mark.parametrize("closing", ["Best regards\nAnna", "-- \nAnna\n+1 555"])
def test_what_is_added_below_a_signature_is_new(closing: str, added: str) -> None:
    division = of(f"Send 10.\n\n{closing}\n\n{added}\n\n> old")
    assert division.new == f"Send 10.\n\n{added}"
    assert division.signature == closing.replace("-- ", "--")


def test_an_arrow_is_a_bullet() -> None:
    text = "Please send:\n20 pcs of C-300\n» 5 pcs of B-200\n» 7 pcs of D-200"
    assert of(text).new == text


@pytest.mark.parametrize(
    ("text", "unsure", "unannounced"),
    [
        ("Please send:\n> 10 pcs of A-100\n20 pcs of C-300", True, True),
        ("On 1 Jan 2024, A <a@b.test> wrote:\n> Hi\nWe take:\n\n> 10 pcs\nand 5 of B", True, False),
        ("Yes please\n> 10 pcs of A-100", False, True),
        ("Anna wrote:\n> 10 pcs of A-100", False, False),
        ("Yes\n\nOn 1 Jan 2024, A <a@b.test> wrote:\n> How many?\n> Bye", False, False),
        ("> On 1 Jan 2024, A <a@b.test> wrote:\n> How many?\n\n10 pcs", False, False),
        ("Yes\n\n-----Original Message-----\n> How many?", False, False),
    ],
)
def test_marked_lines_that_may_be_a_list_are_doubted(
    text: str, unsure: bool, unannounced: bool
) -> None:
    division = of(text)
    assert (division.unsure, division.unannounced) == (unsure, unannounced)


def test_an_indented_list_of_html_is_doubted() -> None:
    source = "<p>Please send:</p><blockquote>10 pcs of A-100</blockquote><p>20 pcs of C-300</p>"
    assert divide(read_html(source, 10_000)[0]).unsure


def test_a_signature_above_the_quotation_is_found() -> None:
    division = of("Да, 5 штук.\n\n-- \nПётр\n\n13.03.2024 10:20, info@y.test пишет:\n> Сколько?")
    assert division.new == "Да, 5 штук."
    assert division.signature == "--\nПётр"


def test_a_list_footer_is_no_new_text() -> None:
    division = of(
        "Hi\n\n____________________\nusers mailing list\nhttp://lists.x.test/listinfo/users"
    )
    assert division.new == "Hi"


def test_an_unmarked_outlook_quotation_in_html_is_found() -> None:
    source = (
        "<div><p>Passt, 5 Stück.</p><div><div style='border:none;border-top:solid #E1E1E1 1.0pt;"
        "padding:3.0pt 0cm 0cm 0cm'><p><b>Von:</b> Max<br><b>Gesendet:</b> Dienstag<br><b>An:</b> "
        "Anna<br><b>Betreff:</b> Auftrag</p></div></div><p>Wie viele?</p></div>"
    )
    division = divide(read_html(source, 10_000)[0])
    assert division.new == "Passt, 5 Stück."
    assert "Wie viele?" in division.quoted


def test_a_ruled_header_block_in_an_unknown_language_is_found() -> None:
    source = (
        "<p>Dobrze</p><div style='border-top:solid #E1E1E1 1.0pt'><p><b>From:</b> Jan<br>"
        "<b>Sent:</b> wtorek</p></div><p>stare</p>"
    )
    assert divide(read_html(source, 10_000)[0]).new == "Dobrze"


@given(
    st.lists(
        st.sampled_from(
            [
                "> old",
                "new",
                "",
                "-- ",
                "On Mon, 1 Jan 2024, A <a@b.test> wrote:",
                "From: A <a@b.test>",
                "Sent: Monday",
                "To: B",
                "Subject: C",
                "Best regards",
                "-----Original Message-----",
                "Anna",
            ]
        ),
        max_size=30,
    )
)
def test_no_line_is_lost_or_doubled(lines: list[str]) -> None:
    division = of("\n".join(lines))
    shown = "\n".join((division.new, division.quoted, division.signature))
    for word in ("new", "old", "Anna", "Sent: Monday"):
        assert shown.count(word) == "\n".join(lines).count(word)


@pytest.mark.parametrize(
    "verb",
    "wrote|writes|has written|said|schrieb|schreibt|"
    "geschrieben|пишет|писала|написал|писал(а)|написал(-а)|писали|сообщил(а)|ответила|a écrit|"
    "écrivait|écrivit|a ecrit|écrit|escribió|escribe|ha escrito|ha scritto|scrive|schreef|"
    "escreveu|napisał(a)|skrev|kirjoitti|yazdı|írta|napsal(a)|napsal".split("|"),
)
def test_each_verb_of_an_attribution_is_known_by_its_stem(verb: str) -> None:
    long = "On Tue, 12 Mar 2024 at 16:40, " + "A. Berg, " * 30
    assert of(f"New.\n\n{long} {verb}:\n{OLD}").new == "New."
    assert any(stem in verb for stem in marks.VERB_STEMS)


def test_many_lines_with_verbs_do_not_hide_a_quotation() -> None:
    said = "\n".join(f"Customer {n} said: 10 pcs of A-{n}" for n in range(400))
    assert of(f"{said}\n\nOn 12 Mar 2024 Anna <a@b.test> wrote:\n{OLD}").quoted.endswith(OLD)
