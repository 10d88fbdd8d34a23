"""Messages that differ in what there is to read: a line, nothing, and more than is looked at."""

from postroom.envelope import Address
from postroom.message import Attachment, Message

MESSAGES = [
    Message(raw=b"", subject="Order 5", new_text="please send five boxes of paper"),
    Message(raw=b""),
    Message(
        raw=b"",
        author=Address(local="snab", domain="stroy.example", name="Отдел снабжения"),
        subject="заявка",
        new_text="нужны болты М8х30, двести штук " * 60,
        quoted_text="прайс",
        attachments=(Attachment(filename="Заявка.xlsx", type="text/csv", size=1, sha256=""),),
    ),
]
