"""What every real ERP of the tests holds: products and customers, all of our own making.

Plain tuples, because the seeds run in the ERPs' own environments, where Postroom is not.
"""

# code, name, list price, unit (ours: pcs, kg, m)
PRODUCTS = (
    ("BOLT-M8", "Bolt M8x40 zinc", "0.35", "pcs"),
    ("NUT-M8", "Nut M8 zinc", "0.12", "pcs"),
    ("WASHER-M8", "Washer M8 zinc", "0.05", "pcs"),
    ("PUMP-24", "Pump 24V", "149.90", "pcs"),
    ("FILTER-10", "Filter 10 micron", "18.40", "pcs"),
    ("VALVE-15", "Ball valve DN15", "7.25", "pcs"),
    ("VALVE-20", "Ball valve DN20", "9.80", "pcs"),
    ("SEAL-22", "Seal ring 22 mm", "0.80", "pcs"),
    ("MOTOR-1K5", "Motor 1.5 kW", "312.00", "pcs"),
    ("BELT-A40", "V-belt A40", "6.15", "pcs"),
    ("GREASE-1", "Bearing grease", "11.90", "kg"),
    ("COPPER-6", "Copper granulate", "8.45", "kg"),
    ("CABLE-3X15", "Cable 3x1.5", "1.15", "m"),
    ("HOSE-12", "Hose 12 mm", "2.30", "m"),
)

# number, name, mail, VAT or similar number
CUSTOMERS = (
    ("C-1001", "ACME Buyer Ltd", "buyer@acme.example", ""),
    ("C-1002", "Snab LLC", "ivan@snab.example", "7707083893"),
    ("C-1003", "Werkzeug GmbH", "einkauf@werkzeug.example", ""),
)
