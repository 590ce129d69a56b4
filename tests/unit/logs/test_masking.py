"""Invariant 12: no secret in a log line, however it is split (DESIGN section 8)."""

import base64
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.logs.lines import Line
from shared.logs.masking import MASK, SHORTEST, Masker, Tail, no_secrets

# Values share no character with the text around them, so that any of theirs that shows is a leak.
VALUES = st.text(alphabet="ABCDEFGH", min_size=SHORTEST, max_size=24)
AROUND = st.text(alphabet="xyz ", max_size=12)


def line(text: str, stream: str = "stdout") -> Line:
    return Line.model_construct(
        source="build", time="2026-11-24T07:20:00.000Z", stream=stream, replica="", text=text
    )


def mask(masker: Masker, records: Iterable[list[str]]) -> list[str]:
    """The texts after masking, each record on its own as after a restart."""
    tails: dict[str, Tail] = {}
    texts = []
    for record in records:
        masked, tails = masker.mask([line(text) for text in record], tails)
        texts += [item.text for item in masked]
    return texts


def split(text: str, cuts: Iterable[int]) -> list[str]:
    """The text cut at positions."""
    edges = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return [text[a:b] for a, b in pairwise(edges)] or [text]


@given(
    st.lists(VALUES, min_size=1, max_size=4),
    st.data(),
)
def test_no_piece_of_a_secret_shows_wherever_lines_and_records_break(
    secrets: list[str], data: st.DataObject
) -> None:
    shown = data.draw(st.lists(st.tuples(AROUND, st.sampled_from(secrets)), max_size=4))
    text = "".join(around + secret for around, secret in shown) + "z"
    lines = split(text, data.draw(st.lists(st.integers(0, 200), max_size=12)))
    breaks = data.draw(st.lists(st.integers(0, 200), max_size=4))
    records = [
        lines[a:b] for a, b in pairwise(sorted({0, len(lines), *(i % len(lines) for i in breaks)}))
    ]
    masked = "".join(mask(Masker(secrets), records)).replace(MASK, "*")
    for stretch in "".join(c if c in "ABCDEFGH" else " " for c in masked).split():
        assert len(stretch) < SHORTEST, (records, masked)
    assert [c for c in masked if c in "xyz "] == [c for c in text if c in "xyz "]


@given(st.lists(st.text(alphabet="xyz AB", max_size=30), max_size=6))
def test_text_that_holds_no_secret_is_left_as_it_is(texts: list[str]) -> None:
    assert mask(Masker(["HGFEDCBA"]), [texts]) == texts


def test_a_secret_of_several_lines_is_masked_whole_and_line_by_line() -> None:
    key = "-----BEGIN KEY-----\nMIIabcdefgh\nQRSTUVWXYZ\n-----END KEY-----\n"
    whole = mask(Masker([key]), [["before", *key.splitlines(), "after"]])
    assert whole == ["before", MASK, MASK, MASK, MASK, "after"]
    assert mask(Masker([key]), [["grep: QRSTUVWXYZ found"]]) == [f"grep: {MASK} found"]


def test_encoded_forms_of_a_secret_are_masked() -> None:
    secret = 'p@ss/"word"'
    forms = [
        "p%40ss%2F%22word%22",
        base64.b64encode(secret.encode()).decode(),
        'p@ss/\\"word\\"',
    ]
    assert mask(Masker([secret]), [forms]) == [MASK, MASK, MASK]


def test_lines_of_the_other_stream_do_not_hide_a_split_secret() -> None:
    masker = Masker(["ABCDEFGHIJKL"])
    masked, _ = masker.mask([line("ABCDEF"), line("noise", "stderr"), line("GHIJKL done")], {})
    assert [item.text for item in masked] == [MASK, "noise", f"{MASK} done"]


def test_a_stored_tail_that_fits_no_secret_is_passed_over() -> None:
    masked, _ = Masker(["ABCDEFGH"]).mask([line("text")], {"build/stdout/": (99, 99)})
    assert masked[0].text == "text"


def test_values_too_short_to_be_secret_are_not_masked() -> None:
    assert mask(Masker(["on", "1", ""]), [["turned on 1"]]) == ["turned on 1"]


JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlX3RoaXM"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("GET /a?sv=1&sig=Ab%2Bcd12345%3D&se=2", f"GET /a?sv=1&sig={MASK}&se=2"),
        ("AccountName=a;AccountKey=abcd1234efgh==;End=x", f"AccountName=a;AccountKey={MASK};End=x"),
        ("Endpoint=e;AccessKey=abcd1234efgh;", f"Endpoint=e;AccessKey={MASK};"),
        (f"Authorization: Bearer {JWT}", f"Authorization: Bearer {MASK}"),
        (f"token {JWT}.", f"token {MASK}."),
        ("the design= of eyJust.a.word", "the design= of eyJust.a.word"),
    ],
)
def test_tokens_of_the_platform_are_masked_by_their_shape(text: str, masked: str) -> None:
    assert mask(Masker(), [[text]]) == [masked]


async def test_a_deployment_without_secrets_masks_nothing() -> None:
    from uuid import uuid4

    assert list(await no_secrets(uuid4())) == []
