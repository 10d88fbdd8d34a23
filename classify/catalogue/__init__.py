"""Which of our products an order's lines mean.

In: products (from a CSV, from CommerceML, from an ERP) and an order's lines. Out: the same lines
with our part number, or with candidates and the reason why none was taken. README.md has the rules.
"""
