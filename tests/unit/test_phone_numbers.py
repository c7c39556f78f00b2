"""The rule for phone numbers."""

import random

import phonenumbers
import pytest
from phonenumbers.data import _COUNTRY_CODE_TO_REGION_CODE

from almeno_grpc.service.phone_numbers import to_e164


@pytest.mark.parametrize(
    ("written", "e164"),
    [
        ("9876543210", "+919876543210"),
        (" 09876543210 ", "+919876543210"),
        ("+91 98765-43210", "+919876543210"),
        ("(+91) 98765 43210", "+919876543210"),
        ("919876543210", "+919876543210"),
        ("00919876543210", "+919876543210"),
        ("(022) 2345 6789", "+912223456789"),
        ("+14155552671", "+14155552671"),
        ("+44 20 7946 0958", "+442079460958"),
        ("+390612345678", "+390612345678"),
    ],
)
def test_phone_number_as_people_write_it_is_stored_as_e164(written, e164):
    assert to_e164(written) == e164
    assert to_e164(e164) == e164


@pytest.mark.parametrize(
    "written",
    [
        *("", " ", "12345", "123456", "abc", "0000000000", "+0000", "9" * 200, "+999123456789", "9.876543210E9"),
        *("9876543210.0", "-9876543210", "9876543210 ext 5", "1-800-FLOWERS", "9876543210;phone-context=+1"),
        *("٩٨٧٦٥٤٣٢١٠", "9876543210\0", "98765\n43210x", "tel:9876543210"),
    ],
)
def test_what_cannot_be_a_phone_number_is_refused_without_being_quoted(written):
    with pytest.raises(ValueError, match="must be a possible phone number") as refusal:
        to_e164(written)
    assert not written.strip() or written not in str(refusal.value)


def test_plain_indian_numbers_are_read_as_the_library_reads_them():
    """The quick path skips the library; these facts of its metadata, and a sample, say that it may."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region("IN")
    assert _COUNTRY_CODE_TO_REGION_CODE[91] == ("IN",)
    assert metadata.national_prefix_for_parsing == "0"
    assert 10 in metadata.general_desc.possible_length
    assert r"[2-9]\d\d)\d{7}" in metadata.general_desc.national_number_pattern
    rng = random.Random(7)
    for written in [f"{digit}{rng.randrange(10**9):09d}" for digit in "6789" for _ in range(500)] + ["9191919191"]:
        number = phonenumbers.parse(written, "IN")
        assert phonenumbers.is_possible_number(number)
        assert to_e164(written) == phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
