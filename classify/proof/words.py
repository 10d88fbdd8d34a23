"""What the problem tokens of an order mean, in a sentence a person reads.

In: a token as it stands in `problems`, its detail behind a colon. Out: the sentence; an unknown
token is shown as it is.
"""

_MEANINGS = {
    "numbers-unread": "The text names a number that was not understood.",
    "quantity-ambiguous": "Another number on this line may be the quantity.",
    "quantity-vague": "The quantity is only roughly given, or a range.",
    "quantity-missing": "No quantity was found.",
    "quantity-unreadable": "Something stands where the quantity should, but is no number.",
    "quantity-not-positive": "The quantity is zero or negative.",
    "quantity-note": "The quantity's cell says more than a number and a unit.",
    "number-ambiguous": "A number can be read in two ways (1.234).",
    "line-total-mismatch": "Quantity times price is not the line's total.",
    "total-mismatch": "The lines do not add up to the total.",
    "total-unchecked": "There is a total, but nothing to check it with.",
    "price-missing": "Other lines have a price, this one has none.",
    "price-or-total-unclear": "The amount may be the price of one or of all.",
    "description-thin": "It is not said what is meant.",
    "description-unsure": "Where the description ends is unclear.",
    "line-conditional": "The line depends on something, or is vague.",
    "line-changes": "The line changes something that was ordered before.",
    "unit-missing": "Other lines name a unit, this one does not.",
    "leaves-out": "The text takes something out.",
    "points-elsewhere": "The text points at something that is not in it.",
    "conditional": "The text makes the order depend on something.",
    "sentence-goes-on": "The sentence says more about it, which was not read.",
    "price-per-other-unit": "The price is for another unit than the quantity.",
    "column-unknown": "A column of numbers has a heading that is not known.",
    "two-quantity-columns": "Two columns may hold the quantity.",
    "rows-hidden": "The sheet has hidden rows or columns.",
    "sheets-repeat-each-other": "Two sheets name the same products.",
    "gtin-invalid": "The GTIN's check digit is wrong.",
    "tax-id-invalid": "The tax number's check digit is wrong.",
    "change": "It changes an earlier order.",
    "cancellation": "It cancels an earlier order.",
    "enquiry": "It asks before ordering.",
    "kind-unsure": "No word says that this is an order.",
    "order-confirmation": "It confirms an order of ours.",
    "refers-to-earlier-order": "It refers to an earlier order.",
    "from-quoted-text": "The lines stand only in quoted text.",
    "attachment-missing": "It speaks of an attachment that is not there.",
    "no-lines": "No order line was found.",
    "read-by-ocr": "A scan was read by OCR; letters may be wrong.",
    "scanned": "It is a scan without text.",
    "encrypted": "It is encrypted.",
    "bomb": "It would unpack to far more than it says.",
    "broken": "It is damaged.",
    "too-large": "It is too large.",
    "empty": "It is empty.",
    "doctype": "It brings a document type, which is not read.",
    "unknown-format": "Its format is not read.",
    "product-unknown": "The catalogue has no such product.",
    "product-ambiguous": "Several products may be meant",
    "product-contradicts": "The line's codes name different products",
    "catalogue-unusable": "The catalogue could not be read.",
    "template-row-unread": "A row does not fit the template of this sender.",
    "template-without-lines": "The template found no lines",
    "templates-unusable": "The templates could not be read.",
    "sources-differ": "The mail and its attachment say different things",
    "numbers-differ": "Two documents have different order numbers",
    "another-document": "It also brings another kind of document",
    "attachment-unreadable": "An attachment could not be read",
    "attachment-unread": "An attachment was not read",
    "attachment-scanned": "An attachment is a scan without text",
    "attachment-encrypted": "An attachment is encrypted",
    "attachment-bomb": "An attachment would unpack to far more than it says",
    "page-differs-from-xml": "The page shows other quantities than the XML in it.",
    "reminder": "It reminds of an order sent before.",
    "asks-back": "It asks something that wants an answer first.",
    "several-orders": "The file holds several orders.",
    "currency-unsaid": "No currency is named.",
}


def meaning(problem: str) -> str:
    """The sentence for a problem token."""
    token, _, detail = problem.partition(":")
    said = _MEANINGS.get(token)
    if said is None:
        return problem
    return f"{said.rstrip('.')}: {detail}" if detail else f"{said.rstrip('.')}."
