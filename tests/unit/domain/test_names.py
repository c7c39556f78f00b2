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


@pytest.mark.parametrize("character", ["\0", "\n", "\t", "\x7f", "\u2028", "\u2029", "\ud800"], ids=ascii)
def test_name_with_a_control_character_is_refused_and_not_quoted(character: str) -> None:
    with pytest.raises(ValueError, match="must not hold control characters") as refused:
        clean_name(f"Asha{character}Rao")
    assert "Asha" not in str(refused.value)
