"""The mails of the demo and what must become of each; the texts are written for this purpose.

In: the sandbox's keys. Out: `Mail` values in the order they are sent, the last one a repetition
of the first. Nobody in them exists; the addresses are those of tests/sandbox/world.py.

Limits: a long file, because it is the demo's script, to be read from top to bottom.
"""

from collections.abc import Callable
from email.message import EmailMessage

from . import world
from .mails import XLSX, Expected, Mail, Writer, pdf, sheet
from .world import Keys


def demo_mails(keys: Keys, run: str) -> list[Mail]:
    """Every mail of the demo, in the order sent; `run` makes message ids unique."""
    write = Writer(keys, run)
    first = [make(write) for make in _SCENES]
    return [*first, _again(first[0])]


def _again(mail: Mail) -> Mail:
    expected = Expected(same_as=mail.name)
    return Mail(
        name=f"{mail.name}-again",
        party=mail.party,
        sender=mail.sender,
        recipients=mail.recipients,
        raw=mail.raw,
        message_id=mail.message_id,
        expected=expected,
    )


def _russian_order(write: Writer) -> Mail:
    rows: list[list[object]] = [
        ["Заявка № 418 от 12.11.2026"],
        ["Покупатель: ООО «СтройМонтаж»"],
        [],
        ["№", "Артикул", "Наименование", "Ед. изм.", "Кол-во", "Цена, руб.", "Сумма, руб."],
        [1, "BM8-30", "Болт М8х30 оцинкованный", "шт", 200, 12.50, 2500],
        [2, "GM10", "Гайка М10", "шт", 150, 4.20, 630],
        [3, "SH10", "Шайба 10 плоская", "шт", 300, 1.10, 330],
        [4, "EL-46", "Электроды УОНИ 13/55, 4 мм", "кг", 25, 310, 7750],
        [None, None, "Итого", None, None, None, 11210],
    ]

    def attach(message: EmailMessage) -> None:
        message.add_attachment(
            sheet(rows), maintype=XLSX[0], subtype=XLSX[1], filename="Заявка_418.xlsx"
        )

    return write.mail(
        "russian-order-xlsx",
        world.STROY,
        "Ольга Снегирёва <snab@stroymontazh.test>",
        "Заявка № 418 на крепёж и электроды",
        "Добрый день!\n\nПросим принять в работу заказ по заявке № 418 во вложении и подтвердить "
        "срок отгрузки.\nОплата по договору, доставка на склад: г. Самара, ул. Лесная, 14.\n\n"
        "--\nС уважением,\nОльга Снегирёва\nотдел снабжения ООО «СтройМонтаж»\n",
        Expected(
            dmarc="pass",
            category="purchase_order",
            outcome="act",
            erp="orders",
            number="418",
            lines=(("BM8-30", "200"), ("GM10", "150"), ("SH10", "300"), ("EL-46", "25")),
            reply=True,
            folder="Orders",
        ),
        more=attach,
    )


def _english_order(write: Writer) -> Mail:
    return write.mail(
        "english-order-body",
        world.JOINERY,
        "Stuart Penhall <s.penhall@northgate-joinery.test>",
        "Purchase order NJ-2217",
        "Good morning,\n\nPlease supply the following against our purchase order NJ-2217:\n\n"
        "  1. HX-M8-30   Hex bolt M8x30 zinc plated     200 pcs   @ 0.12\n"
        "  2. NY-M8      Nyloc nut M8 A2                200 pcs   @ 0.08\n"
        "  3. CS-50      Countersunk screw 5x50 mm       12 boxes @ 6.40\n\n"
        "Deliver to Unit 9, Carkeel Road, Saltash by 4 December 2026.\n"
        "Please confirm the order.\n\nKind regards\nStuart Penhall\nNorthgate Joinery Ltd\n",
        Expected(
            dmarc="pass",
            category="purchase_order",
            outcome="act",
            erp="orders",
            number="NJ-2217",
            lines=(("HX-M8-30", "200"), ("NY-M8", "200"), ("CS-50", "12")),
            reply=True,
            folder="Orders",
        ),
    )


def _german_order(write: Writer) -> Mail:
    rows: list[list[object]] = [
        ["Bestellung Nr. B-20931"],
        [],
        ["Pos.", "Artikelnummer", "Bezeichnung", "Menge", "Einheit", "Einzelpreis", "Gesamt"],
        [1, "DK-6015", "Dachlatte 60x15 mm, 3 m", 80, "Stück", 4.95, 396],
        [2, "SP-5080", "Spanplattenschraube 5,0x80", 15, "Paket", 11.9, 178.5],
    ]

    def attach(message: EmailMessage) -> None:
        message.add_attachment(
            sheet(rows), maintype=XLSX[0], subtype=XLSX[1], filename="Bestellung_B-20931.xlsx"
        )

    return write.mail(
        "german-order-dkim",
        world.BAU,
        "Einkauf Müller Bau <einkauf@mueller-bau.test>",
        "Bestellung B-20931",
        "Sehr geehrte Damen und Herren,\n\nhiermit bestellen wir die Artikel laut beigefügter "
        "Bestellung Nr. B-20931.\nLieferung bitte frei Baustelle, Hafenstraße 3, Bremen.\n"
        "Wir bitten um eine Auftragsbestätigung.\n\nMit freundlichen Grüßen\nJana Brockhoff\n"
        "Einkauf, Müller Bau GmbH\n",
        Expected(
            dmarc="pass",
            category="purchase_order",
            outcome="act",
            erp="orders",
            number="B-20931",
            lines=(("DK-6015", "80"), ("SP-5080", "15")),
            reply=True,
            folder="Orders",
        ),
        to=world.ORDERS,
        more=attach,
    )


def _order_change(write: Writer) -> Mail:
    return write.mail(
        "order-change",
        world.JOINERY,
        "Stuart Penhall <s.penhall@northgate-joinery.test>",
        "Change to our purchase order NJ-2209",
        "Hello,\n\nplease change our purchase order NJ-2209 from last week: line 2 should be\n"
        "350 pcs NY-M8 instead of 200 pcs. Please cancel line 4 altogether.\n"
        "Everything else stays as ordered.\n\nKind regards\nStuart Penhall\n"
        "Northgate Joinery Ltd\n",
        Expected(dmarc="pass", category="purchase_order", outcome="review", folder="Orders"),
    )


def _invoice(write: Writer) -> Mail:
    page = [
        "Calder Steel",
        "INVOICE",
        "Invoice number: CS-60914",
        "Invoice date: 14 November 2026",
        "Due date: 14 December 2026",
        "Your order: 7731",
        "Steel angle 40x40x4, 6 m    24 pcs    18.50    444.00",
        "Net 444.00",
        "VAT 20% 88.80",
        "Total due: GBP 532.80",
    ]

    def attach(message: EmailMessage) -> None:
        message.add_attachment(
            pdf(page), maintype="application", subtype="pdf", filename="Invoice_CS-60914.pdf"
        )

    return write.mail(
        "invoice",
        world.STEEL,
        "Calder Steel Accounts <accounts@calder-steel.test>",
        "Invoice CS-60914 for your order 7731",
        "Dear customer,\n\nplease find attached our invoice CS-60914 of 14 November 2026 for goods "
        "dispatched against your order 7731.\n\nThe total of GBP 532.80 is due by 14 December "
        "2026. Please pay by bank transfer, quoting the invoice number.\n\n"
        "Accounts Receivable\nCalder Steel\n",
        Expected(
            dmarc="pass",
            category="invoice",
            outcome="act",
            erp="invoices",
            number="CS-60914",
            amount="532.80",
            folder="Invoices",
        ),
        more=attach,
    )


def _support_case(write: Writer) -> Mail:
    return write.mail(
        "support-case",
        world.BAKERY,
        "Denise Okafor <denise@ovenside.test>",
        "KT-18 cordless drill stopped working",
        "Hello,\n\nthe KT-18 cordless drill we bought from you in September stopped working "
        "yesterday: the battery charges fully, but the motor only clicks and the red error light "
        "flashes three times. We have tried another battery with the same result.\n\n"
        "It is still under warranty. Please help: can you repair or replace it, and how do we "
        "send it back?\n\nMany thanks\nDenise Okafor\nOvenside Bakery\n",
        Expected(
            dmarc="none",
            category="support",
            outcome="act",
            erp="tickets",
            reply=True,
            folder="Support",
        ),
    )


def _sales_enquiry(write: Writer) -> Mail:
    return write.mail(
        "sales-enquiry",
        world.SCAFFOLD,
        "Tomasz Wilk <t.wilk@stalbud.test>",
        "Enquiry: scaffold couplers EN 74",
        "Dear Sirs,\n\nwe are a construction company and are looking for a new supplier of "
        "scaffolding couplers to EN 74. Could you send us your best price and delivery time for "
        "right angle couplers 48.3 mm, galvanized, about 12,000 pieces a year?\n"
        "Please also tell us your payment terms and send your catalogue.\n\n"
        "Best regards\nTomasz Wilk\nStalbud\n",
        Expected(
            dmarc="pass",
            category="sales",
            outcome="act",
            erp="tickets",
            reply=True,
            folder="Sales",
        ),
    )


def _application(write: Writer) -> Mail:
    def attach(message: EmailMessage) -> None:
        message.add_attachment(
            pdf(
                ["Lena Hartwig", "Curriculum vitae", "2020-2026 warehouse clerk, forklift licence"]
            ),
            maintype="application",
            subtype="pdf",
            filename="CV Lena Hartwig.pdf",
        )

    return write.mail(
        "job-application",
        world.MAILBOX_HOST,
        "Lena Hartwig <lena.hartwig@postbox.test>",
        "Application for the position of warehouse clerk",
        "Dear hiring team,\n\nI would like to apply for the position of warehouse clerk that you "
        "advertise on your website. I have worked in logistics for six years, hold a forklift "
        "licence and could start on 1 February. My CV and references are attached; I would be "
        "glad to introduce myself in an interview.\n\nYours faithfully\nLena Hartwig\n",
        Expected(dmarc="pass", category="hr", outcome="act", forward=True, folder="HR"),
        more=attach,
    )


def _spam(write: Writer) -> Mail:
    return write.mail(
        "spam",
        world.BULK,
        "Mega Deals <winner@mega-deals.test>",
        "CONGRATULATIONS!!! You have been selected - claim your $1,000,000 prize NOW",
        "Dear Lucky Winner,\n\nyour email address has won US$1,000,000.00 in our international "
        "lottery promotion! To claim your prize money send your full name, bank account number "
        "and a processing fee of $250 today.\n\nAlso: cheap viagra and cialis, no prescription, "
        "100% satisfaction guaranteed, lowest prices online!!! Click here now: "
        "http://mega-deals.test/claim?id=4711\n\nAct now, this offer expires in 24 hours!!!\n",
        Expected(dmarc="pass", category="spam", outcome="deliver", folder="Junk"),
    )


def _forged(write: Writer) -> Mail:
    return write.mail(
        "forged-from",
        world.STRANGER,
        "Landbank Security <security@landbank.test>",
        "Your account needs to be verified",
        "Dear customer,\n\nplease verify your account within 24 hours at "
        "http://nowhere.test/login or it will be closed.\n\nLandbank\n",
        Expected(smtp="550 5.7.26"),
        sender="bounces@nowhere.test",
    )


def _bounce(write: Writer) -> Mail:
    return write.finished(
        "bounce",
        world.SCAFFOLD,
        _BOUNCE,
        Expected(dmarc="pass", category="other", outcome="deliver", folder="INBOX"),
        author="MAILER-DAEMON@stalbud.test",
        sender="",
    )


# As Postfix writes them: RFC 3464, without the returned message. {date} and {id} are filled in.
_BOUNCE = """\
Date: {date}
From: Mail Delivery System <MAILER-DAEMON@stalbud.test>
Subject: Undelivered Mail Returned to Sender
To: info@kontor.test
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="4Rz.stalbud"
Message-Id: {id}

--4Rz.stalbud
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mx.stalbud.test.

I'm sorry to have to inform you that your message could not be delivered to one
or more recipients.

<old.address@stalbud.test>: host mx.stalbud.test said: 550 5.1.1 User unknown.
    Your order 1182 could not be delivered.

--4Rz.stalbud
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.stalbud.test
Arrival-Date: {date}

Final-Recipient: rfc822; old.address@stalbud.test
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 User unknown

--4Rz.stalbud--
"""


def _out_of_office(write: Writer) -> Mail:
    def mark(message: EmailMessage) -> None:
        message["Auto-Submitted"] = "auto-replied"
        message["In-Reply-To"] = f"<confirmation.1@{world.COMPANY}>"

    return write.mail(
        "out-of-office",
        world.STROY,
        "Павел Громов <gromov@stroymontazh.test>",
        "Автоответ: Подтверждение заказа № 402",
        "Здравствуйте!\n\nЯ в отпуске до 30 ноября и не читаю почту. По срочным вопросам "
        "обращайтесь в отдел снабжения: snab@stroymontazh.test.\n\nПавел Громов\n",
        Expected(dmarc="pass", category="other", outcome="deliver", folder="INBOX"),
        sender="",
        more=mark,
    )


def _unsure(write: Writer) -> Mail:
    return write.mail(
        "low-confidence",
        world.JOINERY,
        "Kim Rowse <k.rowse@northgate-joinery.test>",
        "Tuesday",
        "Hi, about the bolts: the ones from last time were fine, but the price was not what we "
        "talked about. Can you have a look and do the same again, or call me?\n\nKim\n",
        Expected(dmarc="pass", outcome="review"),
    )


def _koi8_case(write: Writer) -> Mail:
    def attach(message: EmailMessage) -> None:
        message.add_attachment(
            pdf(["KT-50, No. 7"]),
            maintype="application",
            subtype="pdf",
            filename="Акт осмотра №7.pdf",
        )

    return write.mail(
        "koi8-support",
        world.VOLGA,
        "Игорь Латышев <latyshev@volga-servis.test>",
        "Не работает компрессор КТ-50",
        "Здравствуйте!\n\nКомпрессор КТ-50, купленный у вас в августе, перестал работать: "
        "включается, но не набирает давление, через минуту срабатывает защита. Фильтр меняли, "
        "масло в норме. Оборудование на гарантии.\n\nПросим принять в ремонт или прислать "
        "мастера. Акт осмотра во вложении.\n\n--\nИгорь Латышев\nглавный механик, "
        'ООО "Волга-Сервис"\n',
        Expected(
            dmarc="pass",
            category="support",
            outcome="act",
            erp="tickets",
            attachments=("Акт осмотра №7.pdf",),
            reply=True,
            folder="Support",
        ),
        charset="koi8-r",
        more=attach,
    )


def _unproven_order(write: Writer) -> Mail:
    return write.mail(
        "unproven-order",
        world.UNPROVEN,
        "Harbour Cafe <kitchen@harbour-cafe.test>",
        "Order HC-77",
        "Hello,\n\nplease deliver against our order HC-77:\n\n"
        "  1. GL-100  Nitrile gloves size M, box of 100   4 boxes @ 7.90\n"
        "  2. BG-60   Refuse sacks 60 l, roll             10 rolls @ 3.20\n\n"
        "Usual address. Please confirm.\n\nThanks\nHarbour Cafe\n",
        Expected(dmarc="none", category="purchase_order", outcome="review", folder="Orders"),
    )


_SCENES: tuple[Callable[[Writer], Mail], ...] = (
    _russian_order,
    _english_order,
    _german_order,
    _order_change,
    _invoice,
    _support_case,
    _sales_enquiry,
    _application,
    _spam,
    _forged,
    _bounce,
    _out_of_office,
    _unsure,
    _koi8_case,
    _unproven_order,
)
