"""Sensitive topics: which words touch one, in three languages, and what it costs."""

import time

import pytest

from postroom.actions.topics import SHIPPED, sensitive_topic

TOUCHED = [
    ("I want a refund for order 17", "refund"),
    ("Please REFUND us", "refund"),
    ("we expect our money\n   back", "refund"),
    ("Wir bitten um Rückerstattung des Betrags", "refund"),
    ("Ich will mein Geld zurück!", "refund"),
    ("Просим оформить возврат денежных средств", "refund"),
    ("Верните деньги", "refund"),
    ("We dispute invoice 4711", "dispute"),
    ("hiermit widersprechen wir der Rechnung", "dispute"),
    ("Мы не согласны с суммой счёта", "dispute"),
    ("I must complain about the delivery", "complaint"),
    ("Reklamation: Ware beschädigt", "complaint"),
    ("Die Ware ist mangelhaft", "complaint"),
    ("Направляем претензию по качеству", "complaint"),
    ("Пишу жалобу на менеджера", "complaint"),
    ("our lawyer will contact you", "legal"),
    ("unser Rechtsanwalt meldet sich", "legal"),
    ("Wir kündigen den Vertrag fristlos", "legal"),
    ("Wir kündigen den Liefervertrag hiermit an", "legal"),
    ("Wir kündigen. Rufen Sie uns bitte an.", "legal"),
    ("Wir kündigen und nehmen nichts mehr an.", "legal"),
    ("Wir kündigen zum 1. Mai, rufen Sie uns an.", "legal"),
    ("Для юридических лиц. Наш юридический отдел вам напишет", "legal"),
    ("будем вынуждены обратиться в суд", "legal"),
    ("подаём иск о взыскании", "legal"),
    ("Under GDPR Article 15 I ask for a copy", "privacy"),
    ("Auskunft nach Art. 15 DSGVO", "privacy"),
    ("прошу удалить мои данные", "privacy"),
    ("согласие на обработку персональных данных отзываю", "privacy"),
    ("this looks like fraud", "fraud"),
    ("Das ist Betrug, ich gehe zur Polizei", "fraud"),
    ("это мошенники", "fraud"),
    ("a worker was injured by your machine", "safety"),
    ("es gab einen Unfall", "safety"),
    ("re\u00adfund", "refund"),
    ("ｒｅｆｕｎｄ", "refund"),
    ("\ud800 refund \x00", "refund"),
]
UNTOUCHED = [
    "",
    "Please send 10 pcs of M8x30 bolts to our warehouse.",
    "Bitte liefern Sie 300 Stück M8, Lieferung an Lager Köln.",
    "Просим отгрузить по заявке 17, доставка в Москву.",
    "Could you send us a quotation for spare parts?",
    "Der Drucker druckt nicht mehr, bitte um Hilfe.",
    "Не работает принтер, помогите пожалуйста.",
    "Lieferung nach Klagenfurt, Gerichtsweg 3",
    "Bitte um Rückruf, danke",
    "Sie ist an Sie gerichtet",
    "as a courtesy we accidentally sent two",
    "спортивный инвентарь",
    "The tissue samples arrived",
    "Список товаров: диск, риск",
    "issue you an invoice",
    "forefunder",
    "Bitte kündigen Sie die Lieferung\ntelefonisch an.",
    "Der Spediteur kündigt den LKW einen Tag vorher an",
    "Покупатель: ООО «Снаб», юридический адрес: Москва, ул. Ленина, 1",
    "Юридический и фактический адрес, адрес (юридический), для юридических лиц",
]


@pytest.mark.parametrize(("words", "topic"), TOUCHED)
def test_words_that_a_person_must_read_first(words: str, topic: str) -> None:
    assert sensitive_topic(words, {}) == topic


@pytest.mark.parametrize("words", UNTOUCHED)
def test_ordinary_words_touch_nothing(words: str) -> None:
    assert sensitive_topic(words, {}) == ""


def test_an_admin_s_own_words_have_no_exceptions() -> None:
    assert sensitive_topic("юридический адрес", {"legal": ("юридическ",)}) == "legal"


def test_a_topic_s_words_can_be_replaced_turned_off_and_added() -> None:
    words = "Please refund us, it is about the embargo"
    assert sensitive_topic(words, {"refund": ("store credit",)}) == ""
    assert sensitive_topic(words, {"refund": ()}) == ""
    assert sensitive_topic(words, {"export": ("embargo",)}) == "refund"
    assert sensitive_topic(words, {"refund": (), "export": ("Embargo",)}) == "export"


def test_what_an_admin_writes_is_no_pattern() -> None:
    assert sensitive_topic("a(b", {"odd": ("a(b", ".*", "[")}) == "odd"
    assert sensitive_topic("xyz", {"odd": (".*", "[", "  ")}) == ""
    assert sensitive_topic("xyz", {"odd": ("", " ")}) == ""


def test_every_topic_speaks_every_language() -> None:
    for topic, words in SHIPPED.items():
        assert any(word.isascii() for word in words), topic
        assert any("а" <= letter <= "я" for word in words for letter in word), topic


def test_a_long_hostile_text_costs_no_more_than_its_length() -> None:
    def cost(text: str) -> float:
        started = time.process_time()
        sensitive_topic(text, {})
        return time.process_time() - started

    cost("warm up")
    short = max(cost("money  " * 1_000), 0.001)
    assert cost("money  " * 25_000) < short * 25 * 8
