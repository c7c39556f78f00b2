import pytest

from almeno_grpc.domain.names import clean_code, clean_name, clean_reason, keys_beginning_with, name_key, name_keys


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


@pytest.mark.parametrize("written", ["", " ", "x" * 201])
def test_reason_has_up_to_200_characters(written: str) -> None:
    assert clean_reason(" " + "x" * 200) == "x" * 200
    with pytest.raises(ValueError, match="1 to 200 characters"):
        clean_reason(written)


@pytest.mark.parametrize("written", ["a\nb", "a\u202eb", "\u200b"])
def test_reason_that_shows_otherwise_than_it_is_or_not_at_all_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="must"):
        clean_reason(written)


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("  Mary   Ann ", "mary ann"),
        ("\uff21\uff33\uff28\uff21", "asha"),
        ("Stra\u00dfe", "strasse"),
        ("\u0130", "i\u0307"),
        ("\u0131", "\u0131"),
        ("Jose\u0301", "jos\u00e9"),
        ("\u0390", "\u0390"),
        ("A\u3000B", "a b"),
        ("\u0939\u093f", "\u0939\u093f"),
    ],
)
def test_names_are_compared_by_nfkc_and_case_folding_with_single_spaces(written: str, key: str) -> None:
    assert name_key(written) == key
    assert name_key(key) == key


def test_customer_is_found_by_the_whole_name_and_the_last_name() -> None:
    assert name_keys("Mary Ann", "de Souza") == ("mary ann de souza", "de souza")
    assert name_keys(" ", "Rao") == ("rao",)
    assert [len(key) for key in name_keys("\ufdfa" * 10, "\ufdfa" * 100)] == [256, 256]


def test_keys_that_begin_with_a_key_are_a_range() -> None:
    first, last = keys_beginning_with("ra")
    assert all(first <= key <= last for key in ("ra", "rao", "ra\U0010ffff", "ra" + "\U0010ffff" * 254))
    assert not any(first <= key <= last for key in ("r", "r\u00e4", "rb", "qz"))


@pytest.mark.parametrize("written", ["UTR 1/2-3_ä", " रुपये १२३ ", "x" * 64])
def test_code_keeps_its_characters_without_the_white_space_around(written: str) -> None:
    assert clean_code(written, 64) == written.strip()


@pytest.mark.parametrize("written", ["", "  ", "x" * 65, "a\tb", "a\u200bb", "a\u202eb", "\u3164", "\u0301"])
def test_code_of_what_cannot_be_seen_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="must"):
        clean_code(written, 64)
