"""Fills an empty Odoo: products, customers, a key. Runs inside `odoo shell`, which gives `env`.

In: `env`, and POSTROOM_KEY_FILE in the environment. Out: what catalogue.py lists.
"""

import datetime
import os
from pathlib import Path
from typing import Any

from catalogue import CUSTOMERS, PRODUCTS  # type: ignore[import-not-found]

env: Any = globals()["env"]
UNITS = {"pcs": "uom.product_uom_unit", "kg": "uom.product_uom_kgm", "m": "uom.product_uom_meter"}

admin = env.ref("base.user_admin")
until = datetime.datetime.now() + datetime.timedelta(days=3650)
key = env["res.users.apikeys"].with_user(admin)._generate("rpc", "postroom", until)
Path(os.environ["POSTROOM_KEY_FILE"]).write_text(key + "\n")

for number, name, mail, tax_id in CUSTOMERS:
    env["res.partner"].create(
        {"name": name, "email": mail, "is_company": True, "ref": number, "company_registry": tax_id}
    )
for code, name, price, unit in PRODUCTS:
    env["product.product"].create(
        {
            "name": name,
            "default_code": code,
            "list_price": float(price),
            "type": "consu",
            "uom_id": env.ref(UNITS[unit]).id,
        }
    )
if not env.company.chart_template:
    env["account.chart.template"].try_loading("generic_coa", env.company, install_demo=False)
env.ref("base.user_admin").write({"group_ids": [(4, env.ref("sales_team.group_sale_manager").id)]})
env.cr.commit()
