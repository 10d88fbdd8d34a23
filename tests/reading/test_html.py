"""HTML to lines: blocks, tables as tables, what was quoted, and markup nobody should write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.reading.html import read_html
from postroom.reading.text import joined


def text(source: str) -> str:
    return joined(read_html(source, 100_000)[0])


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("one<br>two<br><br>three", "one\ntwo\n\nthree"),
        ("<div>one</div><div>two</div>", "one\ntwo"),
        ("<b>bo</b>ld and <i> it</i>alic", "bold and italic"),
        ("a\n  b\t c", "a b c"),
        ("a&nbsp;b&amp;c &#1057;&#x447;", "a b&c Сч"),
        ("<ul><li>a</li><li>b</li></ul>", "- a\n- b"),
        ("<ol><li>a<li>b</ol>", "1. a\n2. b"),
        ("<pre>a\n  b</pre>", "a\n  b"),
        ("<style>p{}</style><script>x('<p>')</script>a<title>t</title>", "a"),
        ("<!-- <p>no</p> -->a<!--[if mso]>no<![endif]-->b<![if !mso]>c<![endif]>", "abc"),
        ('<div style="display:none">hidden <div>deep</div></div>shown', "shown"),
        ('<p style="display: none">hidden<p>shown', "shown"),
        ('<span style="mso-hide:all">no</span>yes', "yes"),
        ('<img alt="a > b" src=x>after', "after"),
        ("<a title='a > b' href=x>link</a>", "link"),
        ("a < b and c > d", "a < b and c > d"),
        ("<textarea>typed</textarea>", "typed"),
        ("zero\u200bwidth\u00adsoft", "zerowidthsoft"),
        ("<blockquote>old</blockquote>new", "> old\n\nnew"),
        ('<blockquote style="margin:0 0 0 40px;border:none">indented</blockquote>', "indented"),
        ("", ""),
    ],
)
def test_markup_becomes_lines(source: str, lines: str) -> None:
    assert text(source) == lines


def test_a_row_of_a_table_is_one_line() -> None:
    source = """<p>We order:</p><table>
      <tr><th>Article</th><th>Quantity</th><th>Price</th></tr>
      <tr><td><p>Valve <b>DN50</b></p></td><td>10&nbsp;pcs</td><td>12.50</td></tr>
      <tr><td>Pump<br>type 2</td><td></td><td>99</td></tr></table><p>Thanks</p>"""
    assert text(source) == (
        "We order:\n\nArticle\tQuantity\tPrice\n"
        "Valve DN50\t10 pcs\t12.50\nPump type 2\t\t99\n\nThanks"
    )


def test_a_column_span_keeps_the_columns_apart() -> None:
    source = "<table><tr><td colspan=2>Total</td><td>9</td></tr><tr><td>a<td>b<td>c</table>"
    assert text(source) == "Total\t\t9\na\tb\tc"


def test_a_column_span_that_is_no_number_spans_nothing() -> None:
    assert text("<table><tr><td colspan=²>a</td><td>9</td></tr></table>").endswith("a\t9")


def test_a_layout_table_is_read_as_blocks() -> None:
    source = (
        "<table><tr><td><p>First paragraph.</p><p>Second.</p></td><td>Side</td></tr></table>"
        "<table><tr><td><table><tr><td>a</td><td>1</td></tr></table></td></tr></table>"
    )
    source = source.replace("Second.", "Second. " * 80)
    assert "First paragraph.\n\nSecond." in text(source)
    assert text(source).endswith("a\t1")


def test_text_between_cells_is_not_lost() -> None:
    assert text("<table>before<tr>between<td>cell</table>after") == "before\nbetween\ncell\n\nafter"


def test_the_limit_ends_the_reading() -> None:
    assert len(joined(read_html("<p>word</p>" * 1000, 100)[0])) < 300


@pytest.mark.parametrize(
    "container",
    [
        '<div class="gmail_quote">{}</div>',
        '<div class="gmail_quote gmail_quote_container">{}</div>',
        '<blockquote type="cite">{}</blockquote>',
        '<div class="yahoo_quoted" id="yahoo_quoted_1">{}</div>',
        '<div class="protonmail_quote">{}</div>',
        '<div id="appendonsend"></div><div>{}</div>',
        '<div id="divRplyFwdMsg"><b>From:</b> x</div><div>{}</div>',
        '<hr id="stopSpelling">{}',
        '<div id="mail-editor-reference-message-container">{}</div>',
    ],
)
def test_reply_containers_are_cited(container: str) -> None:
    lines, _ = read_html(f"<div>new</div>{container.format('<p>old</p>')}", 10_000)
    assert [line.text for line in lines if not line.cited and line.text] == ["new"]
    assert "old" in [line.text for line in lines if line.cited]


def test_text_behind_a_container_is_new_again() -> None:
    lines, _ = read_html('<div class="gmail_quote"><div>old</div></div><div>new</div>', 10_000)
    assert [(line.text, line.cited) for line in lines if line.text] == [
        ("old", True),
        ("new", False),
    ]


@pytest.mark.parametrize(
    "container",
    [
        '<div class="gmail_signature">{}</div>',
        '<div class="moz-signature">{}</div>',
        '<div id="Signature">{}</div>',
        '<div data-smartmail="gmail_signature">{}</div>',
    ],
)
def test_signature_containers_are_signed(container: str) -> None:
    lines, _ = read_html(f"<div>new</div>{container.format('Anna')}", 10_000)
    assert [(line.text, line.signed) for line in lines if line.text] == [
        ("new", False),
        ("Anna", True),
    ]


@given(st.text(alphabet="<>/!-=\"' \nabdiprtlcoqu&;#x\u0416", max_size=200))
def test_any_markup_is_read(source: str) -> None:
    joined(read_html(source, 10_000)[0]).encode("utf-8")


@pytest.mark.slow
@given(
    st.lists(
        st.sampled_from(
            "<table> <tr> <td> </td> </tr> </table> <div> </div> <blockquote> </blockquote> "
            "<p> </p> x <br> <li> <ul> </ul> <pre> </pre> <hr> <!-- --> <script> </script>".split()
        ),
        max_size=60,
    )
)
def test_no_text_outside_scripts_and_comments_is_lost(tokens: list[str]) -> None:
    shown = 0
    raw = comment = False
    for token in tokens:
        if comment:
            comment = token != "-->"
        elif raw:
            raw = token != "</script>"
        elif token == "<!--":
            comment = True
        elif token == "<script>":
            raw = True
        else:
            shown += token == "x"
    assert text(" ".join(tokens)).count("x") == shown
