"""What is it: a category, how sure we are, and why.

Made by classify/classifier.py from rules and the model, carried by the stamp, read by
classify/decide.py. Rule and model scores are kept apart so that a person can see who said what.
"""

from dataclasses import dataclass, field

_PLAIN_SPAM = 0.97  # from here on the model's word on spam needs nobody's beside it

# The shipped categories; an admin may add more, so a category is text, not an enum.
CATEGORIES = ("invoice", "purchase_order", "support", "sales", "hr", "spam", "other")


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """The answer to "what is it?"."""

    category: str = "other"
    confidence: float = 0.0  # calibrated probability, 0..1
    source: str = "model"  # "rule" or "model": who had the last word
    scores: dict[str, float] = field(default_factory=dict)  # the model's, category -> probability
    # The scores with a trusted spam filter's word in them; empty where none said anything.
    weighed: dict[str, float] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()  # one sentence each, for `postroom explain`
    review: bool = True  # below the threshold, or forced
    # A rule asks for a person, rule and model contradict, or there is no model: however sure a
    # later look is, only a person's word on the category ends it.
    forced: bool = False
    priority: str = "normal"  # low, normal, high
    labels: tuple[str, ...] = ()  # added by rules
    model: str = ""  # identity of the model that scored; empty when rules went alone
    blocked: bool = False  # a rule forbids business actions and replies without a person
    folder: str = ""  # mailbox folder a rule chose; empty: the category's
    template: str = ""  # reply template a rule chose; empty: the category's

    @property
    def likely(self) -> dict[str, float]:
        """Category -> probability, of all that is known: what a later look starts from."""
        return self.weighed or self.scores

    @property
    def is_lone_spam(self) -> bool:
        """Whether only the model says spam, and not so surely that a proven author's mail is.

        A rule, a person, a trusted filter or past mail that says so too is a second voice; the
        last two show in a confidence above the model's own.
        """
        if self.category != "spam" or self.source != "model" or self.confidence >= _PLAIN_SPAM:
            return False
        return self.confidence <= self.scores.get("spam", 1.0)
