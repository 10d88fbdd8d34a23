"""What mail programs put around an answer, in five languages: only the answer is new text.

Written from how Gmail, Outlook, Apple Mail, Yandex, Mail.ru and Thunderbird write, not from any
suite, so that the rules are judged on what they were not made for.
"""

from email.message import EmailMessage

import pytest

from postroom.reading.html import read_html
from postroom.reading.quotes import divide, plain_lines
from postroom.reading.reader import read

PLAIN = [
    (
        "Gmail, Russian",
        "Спасибо, подтверждаем.\n\n"
        "ср, 12 мар. 2025 г. в 14:05, Иван Петров <ivan@x.test>:\n\n> Добрый день\n"
        "> цена 10\n",
        "Спасибо, подтверждаем.",
    ),
    (
        "Gmail, Russian, unmarked",
        "Да, берём 20 штук.\n\n"
        "ср, 12 мар. 2025 г. в 14:05, Иван Петров <ivan@x.test>:\n\nДобрый день\n"
        "цена 10\n",
        "Да, берём 20 штук.",
    ),
    (
        "Gmail, German, name wrapped",
        "Ja bitte.\n\nAm Mi., 12. März 2025 um 14:05 Uhr schrieb Maier Industriebedarf\n"
        "Gesellschaft <hans@x.test>:\n\n> Hallo\n",
        "Ja bitte.",
    ),
    (
        "tb de, wrapped",
        "Ja.\n\nAm 12.03.25 um 14:05 schrieb Maier Industriebedarf Gesellschaft mit\n"
        "beschränkter Haftung:\n> Hallo\n",
        "Ja.",
    ),
    (
        "K-9, wrapped, unmarked",
        "Ja.\n\nAm 12. März 2025 14:05:00 MEZ schrieb Hans Maier\n<hans@x.test>:\n\nHallo\n",
        "Ja.",
    ),
    (
        "Yandex app",
        "Берём.\n\n--\nОтправлено из мобильного приложения Яндекс.Почты\n\n"
        "14:05, 12 марта 2025 г., Иван Петров <ivan@x.test>:\n\nДобрый день\n",
        "Берём.",
    ),
    (
        "GroupWise",
        "Ja.\n\n>>> Hans Maier <hans@x.test> 12.03.2025 14:05 >>>\nHallo\n",
        "Ja.",
    ),
    (
        "The Bat",
        "Вы писали 12 марта 2025 г., 14:05:00:\n\nИП> Сколько?\nИП> И когда?\n\n20, в пятницу.\n",
        "20, в пятницу.",
    ),
    (
        "Gmail, German",
        "Ja bitte.\n\nAm Mi., 12. März 2025 um 14:05 Uhr schrieb Hans Maier <\n"
        "hans@x.test>:\n\n> Hallo\n",
        "Ja bitte.",
    ),
    (
        "Gmail, French",
        "Oui merci.\n\n"
        "Le mer. 12 mars 2025 à 14:05, Jean Dupont <jean@x.test> a écrit :\n\n"
        "> Bonjour\n",
        "Oui merci.",
    ),
    (
        "Gmail, Spanish",
        "Sí, gracias.\n\n"
        "El mié, 12 mar 2025 a las 14:05, Juan Pérez (<juan@x.test>) escribió:\n\n"
        "> Hola\n",
        "Sí, gracias.",
    ),
    (
        "Gmail, English, wrapped",
        "Yes please.\n\nOn Wed, Mar 12, 2025 at 2:05 PM John Longname Smith-Jones <\n"
        "john.longname@subdomain.x.test> wrote:\n\n> Hi\n",
        "Yes please.",
    ),
    (
        "outlook en",
        "Please go ahead.\n\nFrom: John <john@x.test>\n"
        "Sent: Wednesday, March 12, 2025 2:05 PM\nTo: Info <info@y.test>\n"
        "Subject: RE: offer\n\nHello\n",
        "Please go ahead.",
    ),
    (
        "outlook en underscore",
        "Please go ahead.\n________________________________\nFrom: John <john@x.test>\n"
        "Sent: Wednesday, March 12, 2025 2:05 PM\nTo: Info <info@y.test>\nCc: a\n"
        "Subject: RE: offer\n\nHello\n",
        "Please go ahead.",
    ),
    (
        "outlook de",
        "Bitte liefern.\n\nVon: Hans <hans@x.test>\n"
        "Gesendet: Mittwoch, 12. März 2025 14:05\nAn: Info <info@y.test>\n"
        "Betreff: AW: Angebot\n\nHallo\n",
        "Bitte liefern.",
    ),
    (
        "outlook fr",
        "D'accord.\n\nDe : Jean <jean@x.test>\nEnvoyé : mercredi 12 mars 2025 14:05\n"
        "À : Info <info@y.test>\nObjet : RE: devis\n\nBonjour\n",
        "D'accord.",
    ),
    (
        "outlook es",
        "De acuerdo.\n\nDe: Juan <juan@x.test>\n"
        "Enviado: miércoles, 12 de marzo de 2025 14:05\nPara: Info <info@y.test>\n"
        "Asunto: RE: oferta\n\nHola\n",
        "De acuerdo.",
    ),
    (
        "outlook es new",
        "De acuerdo.\n\nDe: Juan <juan@x.test>\n"
        "Enviado el: miércoles, 12 de marzo de 2025 14:05\nPara: Info <info@y.test>\n"
        "CC: x\nAsunto: RE: oferta\n\nHola\n",
        "De acuerdo.",
    ),
    (
        "outlook ru",
        "Согласны.\n\nОт: Иван <ivan@x.test>\n"
        "Отправлено: среда, 12 марта 2025 г. 14:05\nКому: Info <info@y.test>\n"
        "Тема: RE: КП\n\nДобрый день\n",
        "Согласны.",
    ),
    (
        "outlook ru sent",
        "Согласны.\n\nFrom: Иван <ivan@x.test>\n"
        "Sent: Wednesday, March 12, 2025 2:05 PM\nTo: info\nSubject: RE: КП\n\n"
        "Добрый день\n",
        "Согласны.",
    ),
    (
        "outlook bold md",
        "Ok.\n\n*From:* John <john@x.test>\n*Sent:* Wednesday, March 12, 2025 2:05 PM\n"
        "*To:* Info\n*Subject:* RE: offer\n\nHello\n",
        "Ok.",
    ),
    (
        "outlook mac de",
        "Ok.\n\nVon: Hans <hans@x.test>\nDatum: Mittwoch, 12. März 2025 um 14:05\n"
        "An: Info <info@y.test>\nBetreff: Angebot\n\nHallo\n",
        "Ok.",
    ),
    (
        "original msg de",
        "Ok.\n\n-----Ursprüngliche Nachricht-----\nVon: Hans\nGesendet: x\nAn: y\n"
        "Betreff: z\n\nHallo\n",
        "Ok.",
    ),
    (
        "original msg fr",
        "Ok.\n\n-----Message d'origine-----\nDe : Jean\nEnvoyé : x\nÀ : y\nObjet : z\n\nBonjour\n",
        "Ok.",
    ),
    (
        "original ru",
        "Ok.\n\n-----Original Message-----\nFrom: Иван\nSent: x\nTo: y\nSubject: z\n\nтекст\n",
        "Ok.",
    ),
    (
        "apple en",
        "Yes.\n\nSent from my iPhone\n\n"
        "> On 12 Mar 2025, at 14:05, John <john@x.test> wrote:\n> \n> Hi\n",
        "Yes.",
    ),
    (
        "apple de",
        "Ja.\n\nVon meinem iPhone gesendet\n\n"
        "> Am 12.03.2025 um 14:05 schrieb Hans <hans@x.test>:\n> \n> Hallo\n",
        "Ja.",
    ),
    (
        "apple fr",
        "Oui.\n\nEnvoyé de mon iPhone\n\n"
        "> Le 12 mars 2025 à 14:05, Jean <jean@x.test> a écrit :\n> \n> Bonjour\n",
        "Oui.",
    ),
    (
        "apple es",
        "Sí.\n\nEnviado desde mi iPhone\n\n"
        "> El 12 mar 2025, a las 14:05, Juan <juan@x.test> escribió:\n> \n> Hola\n",
        "Sí.",
    ),
    (
        "apple ru",
        "Да.\n\nОтправлено с iPhone\n\n"
        "> 12 марта 2025 г., в 14:05, Иван <ivan@x.test> написал(а):\n> \n> Привет\n",
        "Да.",
    ),
    (
        "yandex",
        'Берём.\n\n12.03.2025, 14:05, "Иван Петров" <ivan@x.test>:\n\n> Добрый день\n',
        "Берём.",
    ),
    (
        "yandex2",
        "Берём.\n\n-- \nС уважением, Пётр\n\n"
        '12.03.2025, 14:05, "Иван Петров" <ivan@x.test>:\n\nДобрый день\n',
        "Берём.",
    ),
    (
        "mailru",
        "Берём.\n\n\n--\nПётр Сидоров\n\n\n"
        ">Среда, 12 марта 2025, 14:05 +03:00 от Иван Петров <ivan@x.test>:\n> \n"
        ">Добрый день\n",
        "Берём.",
    ),
    (
        "mailru2",
        "Берём.\n\nСреда, 12 марта 2025, 14:05 +03:00 от Иван Петров <ivan@x.test>:\n \n"
        "Добрый день\n",
        "Берём.",
    ),
    (
        "tb ru",
        "Берём.\n\n12.03.2025 14:05, Иван Петров пишет:\n> Добрый день\n",
        "Берём.",
    ),
    (
        "tb de",
        "Ja.\n\nAm 12.03.25 um 14:05 schrieb Hans Maier:\n> Hallo\n",
        "Ja.",
    ),
    (
        "tb fr",
        "Oui.\n\nLe 12/03/2025 à 14:05, Jean Dupont a écrit :\n> Bonjour\n",
        "Oui.",
    ),
    (
        "tb es",
        "Sí.\n\nEl 12/3/25 a las 14:05, Juan Pérez escribió:\n> Hola\n",
        "Sí.",
    ),
    (
        "answers between",
        "> Wie viele?\n\n20 Stück.\n\n> Wann?\n\nFreitag.\n",
        "20 Stück.\n\nFreitag.",
    ),
    (
        "answer below",
        "On 12/03/2025 14:05, John wrote:\n> How many?\n> And when?\n\n20 pcs, Friday.\n",
        "20 pcs, Friday.",
    ),
    (
        "sig de",
        "Bitte 10 Stück liefern.\n\nMit freundlichen Grüßen\nHans Maier\nEinkauf\nTel. 089 1234\n",
        "Bitte 10 Stück liefern.",
    ),
    (
        "sig ru",
        "Просим отгрузить 10 шт.\n\nС уважением,\nИван Петров\nтел. 123-45-67\n",
        "Просим отгрузить 10 шт.",
    ),
    (
        "sig fr",
        "Merci de livrer 10 pièces.\n\nCordialement,\nJean\n",
        "Merci de livrer 10 pièces.",
    ),
    (
        "sig es",
        "Envíen 10 unidades.\n\nUn saludo,\nJuan Pérez\nCompras\n",
        "Envíen 10 unidades.",
    ),
    (
        "not quote",
        "Hello,\n\nFrom: warehouse A\nTo: warehouse B\n10 pcs bolts\n",
        "Hello,\n\nFrom: warehouse A\nTo: warehouse B\n10 pcs bolts",
    ),
    (
        "order after attribution-like",
        "On Monday we wrote: please send 10 bolts.\nNow 20 instead.\n",
        "On Monday we wrote: please send 10 bolts.\nNow 20 instead.",
    ),
    (
        "colons",
        "Bestellung:\nArtikel: 4711\nMenge: 10\nDatum: 12.03.2025\nAn: Lager Nord\n",
        "Bestellung:\nArtikel: 4711\nMenge: 10\nDatum: 12.03.2025\nAn: Lager Nord",
    ),
    (
        "delivery note",
        "Bitte liefern\nVon: Werk 1\nAn: Werk 2\nBetreff: Auftrag 5\n10 Stück\n",
        "Bitte liefern\nVon: Werk 1\nAn: Werk 2\nBetreff: Auftrag 5\n10 Stück",
    ),
]
HTML = [
    (
        "outlook html",
        "<div class=WordSection1><p class=MsoNormal>Ok, 10 Stück.</p><div style='border:n"
        "one;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm'><p class=MsoNormal"
        "><b>Von:</b> Hans &lt;hans@x.test&gt;<br><b>Gesendet:</b> Mittwoch<br><b>An:</b>"
        " Info<br><b>Betreff:</b> Angebot</p></div><p>Hallo alt</p></div>",
        "Ok, 10 Stück.",
    ),
    (
        "owa",
        "<div>Ok</div><hr style='display:inline-block;width:98%'><div id=divRplyFwdMsg di"
        "r=ltr><font><b>From:</b> J<br><b>Sent:</b> x<br><b>To:</b> y<br><b>Subject:</b> "
        "z</font></div><div>old</div>",
        "Ok",
    ),
    (
        "gmail html",
        "<div dir=ltr>Ok</div><br><div class='gmail_quote gmail_quote_container'><div dir"
        "=ltr class=gmail_attr>On Wed, J wrote:<br></div><blockquote class=gmail_quote>ol"
        "d</blockquote></div>",
        "Ok",
    ),
    (
        "gmail html, below and between",
        "<div dir=ltr><div class='gmail_quote gmail_quote_container'><div dir=ltr class=gmail_attr>"
        "On Wed, J wrote:<br></div><blockquote class=gmail_quote>How many?</blockquote><div>20 pcs"
        "</div><blockquote class=gmail_quote>When?</blockquote><div>Friday</div></div></div>",
        "20 pcs\n\nFriday",
    ),
    (
        "proton html, below",
        "<div class=protonmail_quote>On Wednesday, J &lt;j@x.test&gt; wrote:<br><blockquote "
        "class=protonmail_quote type=cite>How many?</blockquote><div>20 pcs</div></div>",
        "20 pcs",
    ),
    (
        "gmx html",
        "<div><div>Ja, 20</div><div>&nbsp;<div name='quote' style='border-left:2px solid #C3D9E5;'>"
        "<div><b>Gesendet:</b> Mittwoch, 12. März 2025 um 14:05 Uhr<br><b>Von:</b> H "
        "&lt;h@x.test&gt;<br><b>An:</b> a@b.test<br><b>Betreff:</b> Angebot</div><div "
        "name='quoted-content'>Wie viele?</div></div></div><div>Bis Freitag</div></div>",
        "Ja, 20\nBis Freitag",
    ),
    (
        "owa, below",
        "<div class=elementToProof>See my answer.</div><div id=appendonsend></div><hr><div "
        "id=divRplyFwdMsg><b>From:</b> J<br><b>Sent:</b> x<br><b>To:</b> y<br><b>Subject:</b> z"
        "</div><div dir=ltr><div class='x_elementToProof'>How many?</div></div><div "
        "class='elementToProof' style='color:black'>20 pcs</div>",
        "See my answer.\n20 pcs",
    ),
    (
        "outlook mobile, of what was written on the web",
        "<div>Ok</div><hr><div id=divRplyFwdMsg><b>From:</b> J</div><div class=elementToProof>old"
        "</div><div id=divRplyFwdMsg><b>From:</b> K</div><div class=x_elementToProof>older</div>",
        "Ok",
    ),
    (
        "apple html",
        "<div>Ok</div><div><br><blockquote type=cite><div>On 12 Mar 2025, at 14:05, J &lt"
        ";j@x.test&gt; wrote:</div><br><div>old</div></blockquote></div>",
        "Ok",
    ),
    (
        "yandex html",
        '<div>Берём 10</div><div> </div><div>12.03.2025, 14:05, "Иван" &lt;ivan@x.test&gt'
        ";:</div><blockquote><p>старое</p></blockquote>",
        "Берём 10",
    ),
    (
        "mailru html",
        "<div>Берём 10</div><div data-signature-widget=container>--<br>Пётр</div><blockqu"
        "ote style='border-left:1px solid #0857A6;margin:10px;padding:0 0 0 10px'>Среда, "
        "12 марта 2025, 14:05 +03:00 от Иван &lt;ivan@x.test&gt;:<br><div>старое</div></b"
        "lockquote>",
        "Берём 10",
    ),
    (
        "tb html",
        "<p>Oui</p><div class=moz-cite-prefix>Le 12/03/2025 à 14:05, Jean a écrit&nbsp;:<"
        "br></div><blockquote type=cite cite='mid:x'><p>vieux</p></blockquote><div class="
        "moz-signature>-- <br>Moi</div>",
        "Oui",
    ),
    (
        "new outlook mobile",
        "<div>Ok</div><div id=ms-outlook-mobile-signature>Get Outlook for iOS</div><hr><d"
        "iv id=divRplyFwdMsg><b>From:</b> x</div>old",
        "Ok",
    ),
]


@pytest.mark.parametrize(("program", "text", "new"), PLAIN, ids=[case[0] for case in PLAIN])
def test_only_the_answer_is_new_text(program: str, text: str, new: str) -> None:
    division = divide(plain_lines(text))
    assert (division.new, division.unsure) == (new, False)
    message = read(answer("plain", text))
    assert (message.new_text, message.problems) == (new, ())


@pytest.mark.parametrize(("program", "source", "new"), HTML, ids=[case[0] for case in HTML])
def test_only_the_answer_in_html_is_new_text(program: str, source: str, new: str) -> None:
    division = divide(read_html(source, 100_000)[0])
    assert (division.new, division.unsure) == (new, False)
    message = read(answer("html", source))
    assert (message.new_text, message.problems) == (new, ())


def answer(subtype: str, text: str) -> bytes:
    """The text as a mail program sends it in answer to another message."""
    message = EmailMessage()
    message["From"] = "Anna Berg <anna@berg.test>"
    message["Subject"] = "Re: offer"
    message["In-Reply-To"] = "<1@y.test>"
    message.set_content(text, subtype=subtype)
    return message.as_bytes()
