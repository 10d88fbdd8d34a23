"""Octets to text: declared, undeclared, wrong and lying charsets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.reading.charsets import codec, decode

RUSSIAN = "Добрый день! Просим выставить счёт на болты М8, 200 штук."
CYRILLIC = ("cp1251", "koi8-r", "cp866", "iso8859-5")


@pytest.mark.parametrize("charset", [*CYRILLIC, "utf-8"])
@pytest.mark.parametrize("declared", ["", "us-ascii", "x-user-defined", "unknown-8bit", "utf-8"])
def test_undeclared_russian_is_recognised(charset: str, declared: str) -> None:
    assert decode(RUSSIAN.encode(charset), declared)[0] == RUSSIAN


@pytest.mark.parametrize("charset", [*CYRILLIC, "utf-8"])
@pytest.mark.parametrize("declared", [*CYRILLIC, "iso-8859-1", "windows-1252"])
def test_a_lying_label_is_found_out(charset: str, declared: str) -> None:
    text, token = decode(RUSSIAN.encode(charset), declared)
    assert text == RUSSIAN
    assert token == ("" if charset == declared else "charset-repaired")


@pytest.mark.parametrize("text", ["Müller", "the customer’s order", "10 €"])
def test_utf_8_under_a_latin_label_is_found_out_by_one_character(text: str) -> None:
    assert decode(text.encode(), "iso-8859-1") == (text, "charset-repaired")


@pytest.mark.parametrize("order", ["le", "be"])
@pytest.mark.parametrize("text", ["Заказ на 10 штук", "Order of 10 pieces"])
def test_utf_16_without_a_mark_is_read_in_either_order(text: str, order: str) -> None:
    assert decode(text.encode(f"utf-16-{order}"), "utf-16") == (text, "")


@pytest.mark.parametrize("word", ["ЗАКАЗ", "Заказ №5", "срочно", "Иванов"])
@pytest.mark.parametrize("charset", ["cp1251", "koi8-r"])
def test_a_single_russian_word_is_recognised(word: str, charset: str) -> None:
    octets = word.encode(charset, "ignore")
    assert decode(octets)[0] == octets.decode(charset)


@pytest.mark.parametrize(
    ("text", "charset"),
    [
        ("Größe über Maß", "cp1252"),
        ("façade déjà vu", "cp1252"),
        ("Българска поръчка за болтове", "cp1251"),
        ("Українське замовлення, їжа", "koi8-u"),
        ("Καλημέρα σας, θέλω τιμή", "cp1253"),
        ("שלום רב, הזמנה", "cp1255"),
        ("Zażółć gęślą jaźń", "cp1250"),
        ("こんにちは、注文をお願いします。", "iso-2022-jp"),
        ("こんにちは、注文をお願いします。", "shift_jis"),
        ("你好，请发报价单，谢谢", "gb2312"),
        ("안녕하세요 주문합니다", "euc-kr"),
    ],
)
def test_a_true_label_is_believed(text: str, charset: str) -> None:
    assert decode(text.encode(charset), charset) == (text, "")


@pytest.mark.parametrize(
    ("text", "charset"),
    [
        ("Größe über Maß", "cp1252"),
        ("façade déjà vu", "cp1252"),
        ("こんにちは、注文をお願いします。", "cp932"),
        ("こんにちは、注文をお願いします。", "euc_jp"),
        ("こんにちは、注文をお願いします。", "iso2022_jp"),
        ("你好，请发报价单，谢谢", "gb18030"),
    ],
)
def test_unlabelled_text_of_other_scripts_is_guessed(text: str, charset: str) -> None:
    assert decode(text.encode(charset))[0] == text


@pytest.mark.parametrize(
    "text",
    [
        "Artikelnr;Bezeichnung;Menge;Einheit\r\nM-1;Dübel Größe 8;100;Stück\r\nM-2;Tür;2;Stück\r\n",
        "Größe 8, Größe 9, Größe 10, Größe 12",
        "Målarfärg, köksrulle, pärm, häftklammer",
        "Boîte, clé à molette, écrou, tôle, câble",
    ],
)
@pytest.mark.parametrize("declared", ["", "utf-8", "us-ascii"])
def test_accents_of_latin_words_are_not_read_as_chinese(text: str, declared: str) -> None:
    assert decode(text.encode("cp1252"), declared)[0] == text


@pytest.mark.parametrize("text", ["编号;名称;数量\nA-1;红色椅子;5\nA-2;办公桌;2\n", "请报价：螺栓"])
def test_chinese_between_figures_and_latin_letters_is_guessed(text: str) -> None:
    assert decode(text.encode("gb18030"))[0] == text


def test_utf_7_is_refused_not_obeyed() -> None:
    text, token = decode(b"+ADw-script+AD4-", "utf-7")
    assert (text, token) == ("+ADw-script+AD4-", "charset-refused")


@pytest.mark.parametrize(
    "declared",
    "idna undefined punycode unicode_escape raw_unicode_escape rot13 zlib hex base64 quopri mbcs "
    "utf8mb4 cp-850 iso-8859-8-i x-user-defined".split(),
)
def test_codecs_that_are_no_charsets_never_raise(declared: str) -> None:
    assert decode(b"\xff\xfe\\u0041plain \x80", declared)[0]


def test_a_byte_order_mark_beats_the_label() -> None:
    assert decode("\ufeffСчёт".encode(), "koi8-r") == ("Счёт", "")
    assert decode("Счёт".encode("utf-16"), "us-ascii") == ("Счёт", "")


def test_a_cut_in_mid_character_spoils_one_character_only() -> None:
    text, token = decode(RUSSIAN.encode()[:-3] + b"\xd1.", "utf-8")
    assert text.startswith(RUSSIAN[:-3])
    assert token == "charset-repaired"


@given(
    st.binary(max_size=300), st.sampled_from(["", *CYRILLIC, "gb18030", "utf-16", "hz", "cp932"])
)
def test_any_octets_become_encodable_text(octets: bytes, declared: str) -> None:
    decode(octets, declared)[0].encode("utf-8")


@given(st.text(max_size=40))
def test_any_name_of_a_charset_is_answered(name: str) -> None:
    codec(name)
    decode(b"\x80", name)
