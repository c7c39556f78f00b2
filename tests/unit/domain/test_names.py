import pytest

from almeno_grpc.domain.names import clean_name


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Asha", "Asha"),
        ("  Asha \n", "Asha"),
        ("Anna Maria", "Anna Maria"),
        ("O’Neill-श्रीवास्तव", "O’Neill-श्रीवास्तव"),
        ("क्‍ष", "क्‍ष"),
        ("x", "x"),
        ("അനില്\u200d", "അനില്\u200d"),
        ("র\u200d্যাব", "র\u200d্যাব"),
        ("نیم\u200cروز", "نیم\u200cروز"),
        ("\u200eשרה\u200f", "\u200eשרה\u200f"),
        ("ा", "ा"),
        ("李", "李"),
        ("x" * 100, "x" * 100),
        (" " * 50 + "x" * 100 + " " * 50, "x" * 100),
        ("No\N{NO-BREAK SPACE}Break", "No\N{NO-BREAK SPACE}Break"),
    ],
)
def test_name_is_kept_without_the_white_space_around_it(written: str, name: str) -> None:
    assert clean_name(written) == name


@pytest.mark.parametrize("written", ["", "   ", "\t\n", "x" * 101])
def test_name_of_no_or_too_many_characters_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="1 to 100 characters"):
        clean_name(written)


@pytest.mark.parametrize(
    "written",
    [
        "\u200b",
        "\u2060\u200d",
        "\ufeff",
        "\u00ad",
        " \u00a0\u200b\u3000 ",
        "\u3164",
        "\u115f\u1160",
        "\uffa0",
        "\u2800",
        "\u034f",
        "\ufe0f",
        "\u0301",
        "\U000e0041",
        "\U000e0100",
        "\u200e",
    ],
    ids=ascii,
)
def test_name_that_nobody_can_see_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"a character that can be seen|1 to 100"):
        clean_name(written)


@pytest.mark.parametrize("character", [*"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"], ids=ascii)
def test_name_that_overrides_the_direction_of_writing_is_refused(character: str) -> None:
    for written in (f"Asha{character}gpj", f"{character}Asha", f"Asha{character}"):
        with pytest.raises(ValueError, match="bidi overrides") as refused:
            clean_name(written)
        assert "Asha" not in str(refused.value)


@pytest.mark.parametrize("character", ["\0", "\n", "\t", "\x7f", "\u2028", "\u2029", "\ud800"], ids=ascii)
def test_name_with_a_control_character_is_refused_and_not_quoted(character: str) -> None:
    with pytest.raises(ValueError, match="must not hold control characters") as refused:
        clean_name(f"Asha{character}Rao")
    assert "Asha" not in str(refused.value)
