"""format=flowed: paragraphs that a sender's program wrapped, put together again.

In: plain text, line ends as LF. Out: the same with soft breaks removed. Standard: RFC 3676, with
DelSp. Lines of different quote depth are never joined; the "-- " line is never part of a
paragraph.
"""


def unflow(text: str, delete_space: bool) -> str:
    """The text with its paragraphs on one line each."""
    result: list[str] = []
    paragraph: list[str] = []
    depth = 0
    for line in text.split("\n"):
        bare = line.lstrip(">")
        marks = len(line) - len(bare)
        content = bare[1:] if bare.startswith(" ") else bare  # space-stuffed
        fixed = not content.endswith(" ") or content == "-- "
        if paragraph and (marks != depth or content == "-- "):
            result.append(_line(paragraph, depth))
            paragraph = []
        depth = marks
        paragraph.append(content if fixed or not delete_space else content[:-1])
        if fixed:
            result.append(_line(paragraph, depth))
            paragraph = []
    if paragraph:
        result.append(_line(paragraph, depth))
    return "\n".join(result)


def _line(paragraph: list[str], depth: int) -> str:
    text = "".join(paragraph)
    return f"{'>' * depth} {text}" if depth else text
