"""Which numbers the loans of a sheet get: their own, if no other loan has them."""

import pytest
from support.book import LAKH, RUPEE

from almeno_grpc.domain.errors import LoanNotFound
from almeno_grpc.domain.imports import LoanRows, RowCounts
from almeno_grpc.imports.upsert import reserve_loan_ids
from almeno_grpc.storage.tables import FIRST_GENERATED_ID


@pytest.mark.parametrize("batch_rows", [1, 2, 1000])
def test_new_number_never_meets_one_that_the_same_file_brings(with_customers, rows_of, batch_rows):
    """A later loan may carry the very number that an earlier one, whose own was taken, has just been given."""
    rows = [
        rows_of.loan(1, 5),
        rows_of.loan(2, FIRST_GENERATED_ID, row_number=7),
        rows_of.loan(3, 5, row_number=8),
        rows_of.loan(4, FIRST_GENERATED_ID + 1, row_number=9),
        rows_of.loan(5, 5, row_number=10),
        rows_of.loan(6, FIRST_GENERATED_ID + 2, row_number=11),
    ]
    for _ in range(2):
        file = with_customers.upsert(rows, batch_rows=batch_rows)
        numbers = {row["customer_id"]: row["loan_id"] - FIRST_GENERATED_ID for row in with_customers.rows("loan")}
        assert numbers == {1: 5 - FIRST_GENERATED_ID, 2: 0, 3: 1, 4: 2, 5: 3, 6: 4}
        assert file.rows.adjusted == 4
    assert file.rows.unchanged == 6


def test_imported_loan_does_not_take_the_number_of_one_booked_here(with_customers, rows_of):
    booked = with_customers.lend(1, LAKH).loan
    with_customers.upsert([rows_of.loan(2, booked.loan_id)])
    assert [(row["loan_id"], row["customer_id"]) for row in with_customers.rows("loan")] == [
        (FIRST_GENERATED_ID, 1),
        (FIRST_GENERATED_ID + 1, 2),
    ]


def test_number_that_a_rejected_row_would_have_had_goes_to_the_next(with_customers, rows_of):
    with_customers.upsert([rows_of.loan(77, 5), rows_of.loan(1, 5, row_number=7)])
    assert [row["loan_id"] for row in with_customers.rows("loan")] == [5]


def test_number_set_aside_for_a_loan_that_never_came_is_free(with_customers, rows_of):
    with_customers.store.write(lambda tx: reserve_loan_ids(tx, [5, 6], [1, 1]))
    assert with_customers.rows("loan") == []
    with with_customers.store.read() as tx:
        assert tx.loans.get(5) is None
    assert with_customers.upsert([rows_of.loan(2, 5), rows_of.loan(1, 6)]).rows == RowCounts(inserted=2)
    assert {(row["loan_id"], row["customer_id"]) for row in with_customers.rows("loan")} == {(5, 2), (6, 1)}
    with with_customers.store.read() as tx:
        assert tx.loans.get(5).customer_id == 2


def test_numbers_set_aside_for_loans_that_never_came_are_no_loans(with_customers, rows_of):
    with_customers.store.write(lambda tx: reserve_loan_ids(tx, range(1, 9), [1, 1, 2, 2, 77, 77, 1, 1]))
    with_customers.upsert([rows_of.loan(2, 4), rows_of.loan(1, 7, row_number=7), rows_of.loan(1, 8, row_number=8)])
    with with_customers.store.read() as tx:
        assert tx.loans.taken(range(10)) == {4, 7, 8}
        for count, found in ((1, [4]), (2, [4, 7]), (3, [4, 7, 8]), (9, [4, 7, 8])):
            assert [loan.loan_id for loan in tx.loans.behind(1, count)] == found
        assert [loan.loan_id for loan in tx.loans.behind(4, 1)] == [7]
        assert tx.loans.behind(8, 1) == []
    for number in (1, 5):
        with pytest.raises(LoanNotFound):
            with_customers.repay(number, RUPEE)
        with pytest.raises(LoanNotFound):
            with_customers.charge(number, RUPEE)


def test_setting_numbers_aside_leaves_loans_and_the_services_own_numbers_alone(with_customers, rows_of):
    with_customers.upsert([rows_of.loan(1, 5)])
    before = with_customers.rows("loan")
    with_customers.store.write(lambda tx: reserve_loan_ids(tx, [5, 6, FIRST_GENERATED_ID + 7], [2, 2, 2]))
    assert with_customers.rows("loan") == before
    assert with_customers.lend(3, LAKH).loan.loan_id == FIRST_GENERATED_ID


def test_batch_that_cannot_be_added_as_it_is_leaves_nothing_of_the_try(with_customers, rows_of):
    rows = [rows_of.loan(1, 5), rows_of.loan(77, 6), rows_of.loan(2, 7)]
    with_customers.store.write(lambda tx: reserve_loan_ids(tx, [5, 6, 7], [1, 77, 2]))
    assert with_customers.store.write(lambda tx: tx.loans.import_if_new(LoanRows.of(rows))) is False
    assert with_customers.rows("loan") == []
    assert with_customers.store.write(lambda tx: tx.loans.import_if_new(LoanRows.of(rows[::2]))) is True
    assert len(with_customers.rows("loan")) == 2


def test_loan_whose_number_is_set_aside_for_another_customer_is_not_added_as_it_is(with_customers, rows_of):
    rows = [rows_of.loan(customer_id, number) for customer_id, number in zip([1, 2] * 200, range(5, 405), strict=True)]
    with_customers.store.write(
        lambda tx: reserve_loan_ids(tx, range(5, 405), [*(row.customer_id for row in rows[:-1]), 1])
    )
    assert with_customers.store.write(lambda tx: tx.loans.import_if_new(LoanRows.of(rows))) is False
    # Nor is one whose number nobody has.
    assert with_customers.store.write(lambda tx: tx.loans.import_if_new(LoanRows.of([rows_of.loan(1, 405)]))) is False
    assert with_customers.rows("loan") == []
    assert with_customers.store.write(lambda tx: tx.loans.import_if_new(LoanRows.of(rows[:-1]))) is True
