"""Fills an empty Tryton: company, chart of accounts, fiscal years, products, customers, an API key.

    VENV/bin/python tests/erps/tryton_seed.py TRYTOND_CONF KEY_FILE

In: an initialised database "postroom". Out: the same with what catalogue.py lists, and a key of
the REST interface in KEY_FILE. Runs in Tryton's own environment, with proteus.
"""

import datetime
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from catalogue import CUSTOMERS, PRODUCTS  # type: ignore[import-not-found]
from proteus import Model, Wizard, config  # type: ignore[import-not-found]

UNITS = {"pcs": "Unit", "kg": "Kilogram", "m": "Meter"}


def main(conf: str, key_file: Path) -> None:
    session = config.set_trytond(database="postroom", user="admin", config_file=conf)
    company = make_company(session)
    accounts = make_accounts(company)
    make_years(company)
    make_products(accounts)
    make_customers()
    application = Model.get("res.user.application")(application="rest")
    application.user = Model.get("res.user").find([("login", "=", "admin")])[0]
    application.save()
    if application.state != "validated":
        application.click("validate_")
    application.reload()
    key_file.write_text(application.key + "\n")


def make_company(session: Any) -> Any:
    Currency = Model.get("currency.currency")
    euro = Currency(name="Euro", symbol="€", code="EUR", rounding=Decimal("0.01"), digits=2)
    euro.numeric_code = "978"
    euro.rates.new(rate=Decimal(1))
    euro.save()
    party = Model.get("party.party")(name="Firma")
    party.save()
    wizard = Wizard("company.company.config")
    wizard.execute("company")
    wizard.form.party = party
    wizard.form.currency = euro
    wizard.execute("add")
    (company,) = Model.get("company.company").find()
    User = Model.get("res.user")
    (admin,) = User.find([("login", "=", "admin")])
    admin.companies.append(company)
    admin.company = company
    admin.save()
    session._context = User.get_preferences(True, session.context)
    return company


def make_accounts(company: Any) -> dict[str, Any]:
    Template = Model.get("account.account.template")
    wizard = Wizard("account.create_chart")
    wizard.execute("account")
    wizard.form.account_template = Template.find([("parent", "=", None)], limit=1)[0]
    wizard.form.company = company
    wizard.execute("create_account")
    Account = Model.get("account.account")
    accounts = {
        kind: Account.find([(f"type.{kind}", "=", True), ("closed", "!=", True)], limit=1)[0]
        for kind in ("receivable", "payable", "revenue", "expense")
    }
    wizard.form.account_receivable = accounts["receivable"]
    wizard.form.account_payable = accounts["payable"]
    wizard.execute("create_properties")
    return accounts


def make_years(company: Any) -> None:
    kinds = Model.get("ir.sequence.type")
    (moves,) = kinds.find([("name", "=", "Account Move")])
    (invoices,) = kinds.find([("name", "=", "Invoice")])
    this = datetime.date.today().year
    for year in (this, this + 1):
        fiscal = Model.get("account.fiscalyear")(name=str(year), company=company)
        fiscal.start_date = datetime.date(year, 1, 1)
        fiscal.end_date = datetime.date(year, 12, 31)
        fiscal.move_sequence = sequence(f"Moves {year}", moves, company)
        numbers = sequence(f"Invoices {year}", invoices, company)
        row = fiscal.invoice_sequences[0] if fiscal.invoice_sequences else None
        row = row or fiscal.invoice_sequences.new()
        for name in ("in_credit_note", "in_invoice", "out_credit_note", "out_invoice"):
            setattr(row, f"{name}_sequence", numbers)
        fiscal.save()
        fiscal.click("create_period")


def sequence(name: str, kind: Any, company: Any) -> Any:
    made = Model.get("ir.sequence.strict")(name=name, sequence_type=kind, company=company)
    made.save()
    return made


def make_products(accounts: dict[str, Any]) -> None:
    category = Model.get("product.category")(name="Goods", accounting=True)
    category.account_expense = accounts["expense"]
    category.account_revenue = accounts["revenue"]
    category.save()
    Unit = Model.get("product.uom")
    units = {ours: Unit.find([("name", "=", name)])[0] for ours, name in UNITS.items()}
    for code, name, price, unit in PRODUCTS:
        template = Model.get("product.template")(name=name, type="goods")
        template.default_uom = units[unit]
        template.salable = template.purchasable = True
        template.sale_uom = template.purchase_uom = units[unit]
        template.list_price = Decimal(price)
        template.account_category = category
        (product,) = template.products
        product.suffix_code = code
        product.cost_price = Decimal(price) / 2
        template.save()


def make_customers() -> None:
    term = Model.get("account.invoice.payment_term")(name="Net 30")
    line = term.lines.new(type="remainder")
    line.relativedeltas.new(days=30)
    term.save()
    for code, name, mail, _ in CUSTOMERS:
        party = Model.get("party.party")(name=name, code=code)
        party.customer_payment_term = party.supplier_payment_term = term
        party.contact_mechanisms.new(type="email", value=mail)
        party.addresses[0].street = "1 Road"
        party.addresses[0].city = "Town"
        party.save()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
