"""`Warning` headers."""

from kybern.apiserver.warnings import CUT, TOTAL_LIMIT, warning_headers


def _texts(*texts: str) -> list[str]:
    return [value for _, value in warning_headers(texts)]


def test_each_text_once_and_quoted() -> None:
    assert _texts("a", 'say "b"', "a") == ['299 - "a"', '299 - "say \\"b\\""']


def test_control_characters_leave_a_text_out() -> None:
    assert _texts("a\nb", "c") == ['299 - "c"']


def test_too_much_text_is_cut() -> None:
    texts = [f"{number:03d}{'x' * CUT}" for number in range(TOTAL_LIMIT // CUT + 3)]
    assert _texts(*texts) == [f'299 - "{text[:CUT]}"' for text in texts[: TOTAL_LIMIT // CUT]]
