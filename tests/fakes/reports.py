"""Aggregate reports as reporters write them, and the containers they come in."""

import gzip
import io
import zipfile
from email.message import EmailMessage

ROW = """
  <record>
    <row>
      <source_ip>{ip}</source_ip>
      <count>{count}</count>
      <policy_evaluated>
        <disposition>{disposition}</disposition><dkim>{dkim}</dkim><spf>{spf}</spf>
        {reason}
      </policy_evaluated>
    </row>
    <identifiers><header_from>{author}</header_from></identifiers>
    <auth_results>
      <dkim><domain>{author}</domain><selector>s1</selector><result>{dkim}</result></dkim>
      <spf><domain>{author}</domain><scope>mfrom</scope><result>{spf}</result></spf>
    </auth_results>
  </record>"""


def row(
    ip: str = "192.0.2.1",
    count: int | str = 1,
    *,
    disposition: str = "none",
    dkim: str = "pass",
    spf: str = "fail",
    author: str = "firma.test",
    reason: str = "",
) -> str:
    """One record."""
    return ROW.format(
        ip=ip,
        count=count,
        disposition=disposition,
        dkim=dkim,
        spf=spf,
        author=author,
        reason=reason,
    )


def report(
    *rows: str,
    domain: str = "firma.test",
    reporter: str = "Big Mail",
    report_id: str = "r1",
    begin: int | str = 1_793_836_800,
    end: int | str = 1_793_923_199,
    namespace: str = ' xmlns="urn:ietf:params:xml:ns:dmarc-2.0"',
) -> bytes:
    """One document."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<feedback{namespace}>
  <report_metadata>
    <org_name>{reporter}</org_name><email>dmarc@bigmail.test</email>
    <report_id>{report_id}</report_id>
    <date_range><begin>{begin}</begin><end>{end}</end></date_range>
  </report_metadata>
  <policy_published><domain>{domain}</domain><p>reject</p></policy_published>
{"".join(rows or (row(),))}
</feedback>
""".encode()


def zipped(*files: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for number, content in enumerate(files):
            archive.writestr(f"report{number}.xml", content)
    return out.getvalue()


def mail(*attachments: bytes, subtype: str = "gzip", to: str = "dmarc@firma.test") -> bytes:
    """A mail that carries them."""
    message = EmailMessage()
    message["From"] = "dmarc@bigmail.test"
    message["To"] = to
    message["Subject"] = "Report Domain: firma.test Submitter: bigmail.test Report-ID: <r1>"
    message["Message-ID"] = "<r1@bigmail.test>"
    message.set_content("A report is attached.")
    for number, content in enumerate(attachments):
        message.add_attachment(
            content,
            maintype="application",
            subtype=subtype,
            filename=f"bigmail.test!firma.test!1!2!{number}.xml.gz",
        )
    return message.as_bytes().replace(b"\n", b"\r\n")


def a_report_mail() -> bytes:
    """The usual one."""
    return mail(gzip.compress(report()))
