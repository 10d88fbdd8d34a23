"""Currencies: signs and words people write -> ISO 4217.

In: text. Out: the code, or empty when no currency stands there.
Limits: a bare "$" is taken for US dollars, "Rs." for Indian rupees and a bare "kr" for nothing.
"""

import re
from collections.abc import Collection

_SIGNS = {
    "€": "EUR",
    "$": "USD",
    "£": "GBP",
    "₽": "RUB",
    "¥": "JPY",
    "₴": "UAH",
    "₸": "KZT",
    "₹": "INR",
    "zł": "PLN",
    "Kč": "CZK",
}
_WORDS = {
    "eur": "EUR",
    "euro": "EUR",
    "euros": "EUR",
    "евро": "EUR",
    "usd": "USD",
    "us$": "USD",
    "dollar": "USD",
    "dollars": "USD",
    "доллар": "USD",
    "долларов": "USD",
    "долл": "USD",
    "gbp": "GBP",
    "chf": "CHF",
    "sfr": "CHF",
    "fr": "CHF",
    "руб": "RUB",
    "рублей": "RUB",
    "рубля": "RUB",
    "рубль": "RUB",
    "рос.руб": "RUB",
    "р": "RUB",
    "rub": "RUB",
    "rur": "RUB",
    "тенге": "KZT",
    "kzt": "KZT",
    "byn": "BYN",
    "грн": "UAH",
    "uah": "UAH",
    "pln": "PLN",
    "czk": "CZK",
    "cny": "CNY",
    "юань": "CNY",
    "юаней": "CNY",
    "rmb": "CNY",
    "sek": "SEK",
    "nok": "NOK",
    "dkk": "DKK",
    "jpy": "JPY",
    "inr": "INR",
    "rs": "INR",
    "try": "TRY",
    "aud": "AUD",
    "cad": "CAD",
    "hkd": "HKD",
    "aed": "AED",
    "zar": "ZAR",
    "kes": "KES",
    "ngn": "NGN",
    "ghs": "GHS",
    "egp": "EGP",
    "pkr": "PKR",
    "bdt": "BDT",
    "lkr": "LKR",
    "sgd": "SGD",
    "myr": "MYR",
    "idr": "IDR",
    "php": "PHP",
    "vnd": "VND",
    "nzd": "NZD",
    "mxn": "MXN",
    "brl": "BRL",
    "huf": "HUF",
    "rsd": "RSD",
    "mdl": "MDL",
    "azn": "AZN",
    "uzs": "UZS",
    "tzs": "TZS",
    "ugx": "UGX",
    "ils": "ILS",
    "sar": "SAR",
    "qar": "QAR",
    "thb": "THB",
    "r": "ZAR",
}
# Codes that stand before an amount, too ("USD41.00").
LEADING = (
    "EUR|USD|GBP|CHF|RUB|PLN|CZK|INR|SEK|NOK|DKK|CNY|KZT|ZAR|AUD|CAD|AED|HKD|KES|NGN|GHS|EGP|PKR|BDT"
    "|LKR|SGD|MYR|IDR|PHP|VND|NZD|MXN|BRL|HUF|RSD|MDL|AZN|UZS|TZS|UGX|ILS|SAR|QAR|THB"
)
# What may stand beside an amount; used by who reads text to know money from quantities.
MARK = (
    rf"(?:[€$£₽¥₴₸₹]|(?<![^\W\d])(?:zł\b|Kč\b|(?:{LEADING}|Euro|US\$|RUR|BYN|UAH|JPY)\b"
    r"|(?:руб(?:лей|ля|ль)?|евро|долл(?:аров|ара)?|тенге|грн|юан(?:ей"
    r"|я|ь))\b\.?"
    r"|р\.(?!\s?п)|р\b(?![-/])|fr\.))"
)
_FIND = re.compile(MARK, re.IGNORECASE)
# Signs that several currencies share.
_SHARED = {"$": frozenset({"USD", "AUD", "CAD", "HKD"}), "¥": frozenset({"JPY", "CNY"})}
_CODES = frozenset(_WORDS.values()) | frozenset(_SIGNS.values())


def currency_in(text: str) -> str:
    """The first currency named in `text`; empty when none is."""
    match = _FIND.search(text)
    return code_of_word(match[0]) if match else ""


def sign_or_code(text: str) -> str:
    """The first currency named in `text`, by its sign where several share that; else empty."""
    match = _FIND.search(text)
    return "" if not match else match[0] if match[0] in _SHARED else code_of_word(match[0])


def differ(said: Collection[str]) -> bool:
    """True when these signs and codes cannot all mean one currency."""
    codes = set(said) - _SHARED.keys()
    return len(codes) > 1 or any(not codes <= _SHARED[one] for one in said if one in _SHARED)


def code_of_word(word: str) -> str:
    """The ISO 4217 code of one sign, word or code; empty when unknown."""
    bare = word.strip().strip(".")
    if bare in _SIGNS:
        return _SIGNS[bare]
    if bare.lower() in _WORDS:
        return _WORDS[bare.lower()]
    return bare if bare in _CODES else ""
