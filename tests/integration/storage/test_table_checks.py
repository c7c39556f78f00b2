"""What the tables refuse by themselves, whatever path a value takes to them."""

import re

import pytest
from sqlalchemy import CheckConstraint, Integer, UniqueConstraint, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from almeno_grpc.storage.backend import BEGIN
from almeno_grpc.storage.postgres.begin import WRITING
from almeno_grpc.storage.store import SqlStore
from almeno_grpc.storage.tables import metadata

GOOD = {
    "customer": {
        "customer_id": 1,
        "first_name": "Asha",
        "last_name": "Rao",
        "age": 30,
        "phone_digits": 919_999_999_999,
        "monthly_income_paise": 5_000_000,
        "approved_limit_paise": 180_000_000,
        "imported": True,
        "create_time_us": 1,
        "non_performing_since_day": None,
    },
    "phone_number": {"digits": 919_999_999_999, "customer_id": 1},
    "customer_name": {"key": "rao", "customer_id": 1},
    "decision": {
        "decision_id": "d",
        "customer_id": 1,
        "policy_version": "v",
        "policy_sha256": "s",
        "approved": True,
        "credit_score": 50,
        "reasons": "",
        "snapshot": "{}",
        "snapshot_sha256": "h",
        "create_time_us": 1,
        "business_date": "2026-04-10",
    },
    "loan_number": {"loan_id": 1, "customer_id": 1},
    "loan": {
        "loan_id": 1,
        "customer_id": 1,
        "loan_amount_paise": 10_000_000,
        "interest_rate_e4": 105_000,
        "tenure_months": 12,
        "monthly_installment_paise": 900_000,
        "installment_method": "ANNUAL_COMPOUND",
        "emis_paid": 3,
        "emis_paid_on_time": 2,
        "outstanding_principal_paise": 7_500_000,
        "approval_year": 2026,
        "approval_month": 1,
        "approval_day": 5,
        "source_loan_id": 1,
        "decision_id": None,
        "paid_toward_next_paise": 0,
        "repayment_count": 1,
        "state": "ACTIVE",
        "disbursement_year": 2026,
        "disbursement_month": 1,
        "disbursement_day": 5,
        "valid_until_day": None,
        "latest_repayment": 1,
        "terms_version": None,
        "segment_count": 2,
        "charge_count": 1,
        "open_charges_paise": 0,
        "next_due_day": 739_743,
        "non_performing_since_day": 739_833,
    },
    "repayment": {
        "customer_id": 1,
        "loan_id": 1,
        "number": 1,
        "repayment_id": "r",
        "amount_paise": 900_000,
        "payment_date": "2026-04-10",
        "emis_paid_before": 2,
        "emis_paid_on_time_before": 1,
        "paid_toward_next_before_paise": 0,
        "outstanding_principal_before_paise": 8_333_333,
        "emis_paid": 3,
        "emis_paid_on_time": 2,
        "paid_toward_next_paise": 0,
        "outstanding_principal_paise": 7_500_000,
        "closes_loan": False,
        "create_time_us": 1,
        "kind": "REPAYMENT",
        "effect": None,
        "charges_paid_paise": 0,
        "channel": "NACH",
        "external_reference": "u",
    },
    "repayment_reversal": {
        "customer_id": 1,
        "loan_id": 1,
        "number": 1,
        "reversal_date": "2026-04-11",
        "reason": "RETURNED",
        "return_code": "01",
        "create_time_us": 1,
    },
    "loan_segment": {
        "customer_id": 1,
        "loan_id": 1,
        "number": 1,
        "first_installment": 1,
        "opening_principal_paise": 10_000_000,
        "interest_rate_e4": 105_000,
        "installments": 12,
        "monthly_installment_paise": 900_000,
        "repayment_number": None,
    },
    "loan_charge": {
        "customer_id": 1,
        "loan_id": 1,
        "number": 1,
        "kind": "BOUNCE",
        "amount_paise": 50_000,
        "reason": "returned",
        "entry_date": "2026-04-11",
        "repayment_count": 1,
        "create_time_us": 1,
    },
    "sanction_end": {
        "customer_id": 1,
        "loan_id": 1,
        "state": "ACTIVE",
        "end_date": "2026-01-05",
        "reason": "",
        "external_reference": "u",
        "create_time_us": 1,
    },
    "customer_change": {
        "customer_id": 1,
        "number": 1,
        "loan_id": 1,
        "field": "emis_paid",
        "old_value": "3",
        "new_value": "4",
        "principal": "",
        "import_id": "i",
        "row_number": 2,
        "create_time_us": 1,
    },
    "business_day": {"business_date": "2026-04-10", "recorded_id": "d"},
    "policy_pin": {"version": "v", "sha256": "s"},
    "terms_pin": {"version": "v", "content": "c", "sha256": "s"},
    "change_event": {
        "number": 1,
        "event_time_us": 1,
        "business_day": 739_720,
        "principal": "p",
        "request_id": "",
        "import_id": "",
        "kind": 1,
        "customer_id": 1,
        "loan_id": None,
        "snapshot": b"s",
    },
    "change_event_cut": {"place": 1, "number": 0},
    "daily_sum": {"name": "DECISIONS", "day": "2026-04-10", "label": "", "row_count": 1, "amount_paise": 0},
    "daily_sum_place": {"source": "DECISIONS", "place": "d"},
    "idempotency_record": {
        "request_id": "r",
        "fingerprint": "f",
        "answer": None,
        "create_time_us": 1,
        "principal": "p",
    },
    "idempotency_answer": {"create_time_us": 1, "request_id": "r", "principal": "p", "answer": b"a"},
    "decision_cut": {"place": 1, "decision_id": "d"},
    "principal": {
        "name": "branch-pune",
        "scopes": "loans:read",
        "max_loan_amount_paise": None,
        "max_repayment_paise": None,
        "calls_per_second": None,
        "burst": None,
        "max_streams": None,
        "max_pii_reads_per_day": None,
        "disabled": False,
        "create_time_us": 1,
        "update_time_us": 1,
    },
    "api_key": {
        "key_id": "0123456789Ab",
        "principal": "branch-pune",
        "sha256": bytes(32),
        "scopes": "",
        "create_time_us": 1,
        "expire_time_us": 2,
        "revoke_time_us": None,
        "last_use_date": None,
    },
    "certificate_name": {"name": "pune.example", "principal": "branch-pune", "create_time_us": 1},
    "access_state": {"number": 1, "version": 1},
    "import_file": {
        "queue_number": 1,
        "import_id": "i",
        "kind": "LOANS",
        "file_name": "loans.csv",
        "size_bytes": 1,
        "sha256": "s",
        "columns": "{}",
        "book_date": "2026-04-10",
        "state": "RUNNING",
        "cancel_requested": False,
        "rows_total": 5,
        "rows_inserted": 1,
        "rows_updated": 1,
        "rows_unchanged": 1,
        "rows_rejected": 1,
        "rows_adjusted": 0,
        "error": "",
        "create_time_us": 1,
        "start_time_us": 2,
        "end_time_us": None,
        "principal": "p",
    },
    "import_content": {"import_id": "i", "number": 0, "content": b"c"},
    "import_issue": {
        "queue_number": 1,
        "row_number": 2,
        "number": 1,
        "outcome": "REJECTED",
        "column_heading": "Age",
        "message": "m",
    },
    "audit_event": {
        "stream_id": 2**63 - 1,
        "sequence": 1,
        "kind": 1,
        "event_time_us": 1,
        "principal": "",
        "credential": "",
        "method": "m",
        "customer_id": 0,
        "subject": "",
        "request_id": "",
        "outcome": "OK",
        "calls": 1,
        "hash": b"h",
        "rows": b"",
    },
    "audit_cut": {"stream_id": 1, "sequence": 2, "hash": b"h", "removed": 2},
    "audit_checkpoint": {
        "number": 1,
        "create_time_us": 1,
        "heads": b"",
        "root": b"r",
        "hash": b"h",
        "signature": b"",
        "algorithm": "",
    },
    "audit_head": {"stream_id": 1, "sequence": 1},
    "audit_baseline": {"number": 1, "form": 11, "key": b""},
}

CLOSED = {
    "state": "CLOSED",
    "emis_paid": 12,
    "outstanding_principal_paise": 0,
    "next_due_day": None,
    "non_performing_since_day": None,
}
NOT_DISBURSED = {
    "state": "SANCTIONED",
    "valid_until_day": 739_700,
    "emis_paid": 0,
    "emis_paid_on_time": 0,
    "repayment_count": 0,
    "latest_repayment": 0,
    "disbursement_year": None,
    "disbursement_month": None,
    "disbursement_day": None,
    "next_due_day": None,
    "non_performing_since_day": None,
}
EXIT = {
    "kind": "EXIT",
    "closes_loan": True,
    "emis_paid": 2,
    "emis_paid_on_time": 1,
    "outstanding_principal_paise": 0,
}
PREPAYMENT = {"kind": "PREPAYMENT", "effect": "SHORTER_TENURE", "emis_paid": 2, "emis_paid_on_time": 1}
ON_APPROVAL = "ck_loan_valid_until_disbursed"
CHECKS = [
    ("customer", {"customer_id": 0}, "ck_customer_id_positive"),
    ("customer", {"customer_id": -5}, "ck_customer_id_positive"),
    ("customer", {"age": 17}, "ck_customer_age_range"),
    ("customer", {"age": 121}, "ck_customer_age_range"),
    ("customer", {"monthly_income_paise": 0}, "ck_customer_income_positive"),
    ("customer", {"approved_limit_paise": -1}, "ck_customer_limit_not_negative"),
    ("customer", {"first_name": ""}, "ck_customer_first_name_length"),
    ("customer", {"first_name": "a" * 101}, "ck_customer_first_name_length"),
    ("customer", {"last_name": ""}, "ck_customer_last_name_length"),
    ("customer", {"last_name": "a" * 101}, "ck_customer_last_name_length"),
    ("customer", {"phone_digits": 0}, "ck_customer_phone_digits_positive"),
    *(("customer", {"changed_fields": each}, "ck_customer_changed_fields_range") for each in (-1, 64)),
    ("phone_number", {"digits": 0}, "ck_phone_number_digits_positive"),
    ("decision", {"credit_score": -1}, "ck_decision_score_range"),
    ("decision", {"credit_score": 101}, "ck_decision_score_range"),
    ("loan_number", {"loan_id": 0}, "ck_loan_number_id_positive"),
    ("loan", {"loan_amount_paise": 99_999, "outstanding_principal_paise": 9}, "ck_loan_amount_range"),
    ("loan", {"loan_amount_paise": 100_000_000_001}, "ck_loan_amount_range"),
    ("loan", {"interest_rate_e4": -1}, "ck_loan_rate_range"),
    ("loan", {"interest_rate_e4": 1_000_001}, "ck_loan_rate_range"),
    (
        "loan",
        CLOSED | {"tenure_months": 0, "emis_paid": 0, "emis_paid_on_time": 0},
        "ck_loan_tenure_range",
    ),
    ("loan", {"tenure_months": 601}, "ck_loan_tenure_range"),
    ("loan", {"monthly_installment_paise": 0}, "ck_loan_installment_positive"),
    ("loan", {"installment_method": "BULLET"}, "ck_loan_installment_method_known"),
    ("loan", {"approval_year": 0, "valid_until_day": 739_700}, "ck_loan_approval_year_range"),
    ("loan", {"approval_year": 10_000, "valid_until_day": 739_700}, "ck_loan_approval_year_range"),
    ("loan", {"approval_month": 0, "valid_until_day": 739_700}, "ck_loan_approval_month_range"),
    ("loan", {"approval_month": 13, "valid_until_day": 739_700}, "ck_loan_approval_month_range"),
    ("loan", {"approval_day": 0, "valid_until_day": 739_700}, "ck_loan_approval_day_range"),
    ("loan", {"approval_day": 32, "valid_until_day": 739_700}, "ck_loan_approval_day_range"),
    (
        "loan",
        {"emis_paid": 13, "next_due_day": None, "non_performing_since_day": None},
        "ck_loan_emis_paid_range",
    ),
    ("loan", {"emis_paid": -1, "emis_paid_on_time": -1}, "ck_loan_emis_paid_range"),
    ("loan", {"emis_paid_on_time": 4}, "ck_loan_emis_on_time_range"),
    ("loan", {"emis_paid_on_time": -1}, "ck_loan_emis_on_time_range"),
    ("loan", {"outstanding_principal_paise": 10_000_001}, "ck_loan_outstanding_range"),
    ("loan", {"outstanding_principal_paise": -1}, "ck_loan_outstanding_range"),
    ("loan", {"outstanding_principal_paise": 0}, "ck_loan_closed_when_repaid"),
    ("loan", CLOSED | {"outstanding_principal_paise": 1}, "ck_loan_closed_when_repaid"),
    ("loan", NOT_DISBURSED | {"state": "CANCELLED"}, "ck_loan_closed_when_repaid"),
    (
        "loan",
        {"state": "EXITED", "next_due_day": None, "non_performing_since_day": None},
        "ck_loan_closed_when_repaid",
    ),
    ("loan", {"state": "LATE", "next_due_day": None, "non_performing_since_day": None}, "ck_loan_state_known"),
    (
        "loan",
        {"state": "CLOSED", "next_due_day": None, "non_performing_since_day": None},
        "ck_loan_closed_when_settled",
    ),
    ("loan", CLOSED | {"state": "ACTIVE"}, "ck_loan_closed_when_settled"),
    ("loan", CLOSED | {"open_charges_paise": 1}, "ck_loan_closed_when_settled"),
    ("loan", NOT_DISBURSED | {"disbursement_year": 2026}, "ck_loan_disbursed_by_state"),
    ("loan", NOT_DISBURSED | {"disbursement_month": 1}, "ck_loan_disbursed_by_state"),
    ("loan", NOT_DISBURSED | {"disbursement_day": 5}, "ck_loan_disbursed_by_state"),
    ("loan", {"disbursement_year": None, "valid_until_day": 739_700}, "ck_loan_disbursed_by_state"),
    ("loan", {"disbursement_month": None, "valid_until_day": 739_700}, "ck_loan_disbursed_by_state"),
    ("loan", {"disbursement_day": None, "valid_until_day": 739_700}, "ck_loan_disbursed_by_state"),
    *(
        ("loan", {f"disbursement_{part}": value, "valid_until_day": 739_700}, "ck_loan_disbursement_range")
        for part, values in {"year": (0, 10_000), "month": (0, 13), "day": (0, 32)}.items()
        for value in values
    ),
    ("loan", NOT_DISBURSED | {"valid_until_day": None}, ON_APPROVAL),
    ("loan", {"disbursement_year": 2027}, ON_APPROVAL),
    ("loan", {"disbursement_month": 2}, ON_APPROVAL),
    ("loan", {"disbursement_day": 6}, ON_APPROVAL),
    ("loan", NOT_DISBURSED | {"emis_paid": 1}, "ck_loan_nothing_paid_before_disbursement"),
    ("loan", NOT_DISBURSED | {"paid_toward_next_paise": 1}, "ck_loan_nothing_paid_before_disbursement"),
    ("loan", NOT_DISBURSED | {"repayment_count": 1}, "ck_loan_nothing_paid_before_disbursement"),
    ("loan", {"latest_repayment": -1}, "ck_loan_latest_repayment_range"),
    ("loan", {"latest_repayment": 2}, "ck_loan_latest_repayment_range"),
    ("loan", {"segment_count": 1}, "ck_loan_segment_count_range"),
    ("loan", {"segment_count": -1}, "ck_loan_segment_count_range"),
    ("loan", {"charge_count": -1}, "ck_loan_charge_count_not_negative"),
    ("loan", {"open_charges_paise": 1}, "ck_loan_open_charges_range"),
    ("loan", {"next_due_day": None, "non_performing_since_day": None}, "ck_loan_next_due_when_left"),
    ("loan", CLOSED | {"next_due_day": 739_743}, "ck_loan_next_due_when_left"),
    ("loan", NOT_DISBURSED | {"next_due_day": 739_743}, "ck_loan_next_due_when_left"),
    ("loan", CLOSED | {"non_performing_since_day": 739_833}, "ck_loan_non_performing_when_left"),
    ("loan", {"source_loan_id": None}, "ck_loan_imported_or_booked"),
    ("loan", {"decision_id": "d"}, "ck_loan_imported_or_booked"),
    ("loan", {"paid_toward_next_paise": -1}, "ck_loan_paid_toward_next_not_negative"),
    (
        "loan",
        CLOSED | {"paid_toward_next_paise": 1},
        "ck_loan_nothing_next_when_repaid",
    ),
    ("loan", {"repayment_count": -1, "latest_repayment": 0}, "ck_loan_repayment_count_range"),
    ("loan", {"repayment_count": 10_600}, "ck_loan_repayment_count_range"),
    ("repayment", {"number": 0}, "ck_repayment_number_range"),
    ("repayment", {"number": 10_600}, "ck_repayment_number_range"),
    ("repayment", {"amount_paise": 0}, "ck_repayment_amount_positive"),
    (
        "repayment",
        {"emis_paid_on_time_before": -1, "emis_paid_on_time": -1},
        "ck_repayment_emis_on_time_before_range",
    ),
    ("repayment", {"emis_paid_on_time_before": 3}, "ck_repayment_emis_on_time_before_range"),
    ("repayment", {"emis_paid": 1, "emis_paid_on_time": 1}, "ck_repayment_emis_paid_not_fewer"),
    ("repayment", {"emis_paid_on_time": 3}, "ck_repayment_emis_on_time_range"),
    ("repayment", {"emis_paid_on_time": 0}, "ck_repayment_emis_on_time_range"),
    (
        "repayment",
        {"paid_toward_next_before_paise": -1},
        "ck_repayment_paid_toward_next_before_not_negative",
    ),
    ("repayment", {"paid_toward_next_paise": -1}, "ck_repayment_paid_toward_next_not_negative"),
    ("repayment", {"outstanding_principal_paise": 8_333_334}, "ck_repayment_outstanding_range"),
    ("repayment", {"closes_loan": True}, "ck_repayment_closes_when_repaid"),
    ("repayment", {"amount_paise": -1, "kind": "EXIT"}, "ck_repayment_amount_positive"),
    ("repayment", {"kind": "GIFT"}, "ck_repayment_kind_known"),
    ("repayment", EXIT | {"closes_loan": False}, "ck_repayment_exit_closes_loan"),
    ("repayment", EXIT | {"emis_paid": 3}, "ck_repayment_exit_closes_loan"),
    ("repayment", PREPAYMENT | {"emis_paid": 3}, "ck_repayment_prepayment_leaves_balance"),
    ("repayment", PREPAYMENT | {"outstanding_principal_paise": 0}, "ck_repayment_prepayment_leaves_balance"),
    ("repayment", PREPAYMENT | {"effect": "NONE"}, "ck_repayment_effect_known"),
    ("repayment", PREPAYMENT | {"effect": None}, "ck_repayment_effect_of_prepayment"),
    ("repayment", {"effect": "SHORTER_TENURE"}, "ck_repayment_effect_of_prepayment"),
    ("repayment", {"charges_paid_paise": -1}, "ck_repayment_charges_paid_range"),
    ("repayment", {"charges_paid_paise": 900_001}, "ck_repayment_charges_paid_range"),
    ("repayment", {"channel": "CHEQUE"}, "ck_repayment_channel_known"),
    ("repayment", {"external_reference": "a" * 65}, "ck_repayment_external_reference_length"),
    ("repayment_reversal", {"reason": "REGRET"}, "ck_repayment_reversal_reason_known"),
    ("repayment_reversal", {"return_code": "1" * 21}, "ck_repayment_reversal_return_code_length"),
    ("loan_segment", {"number": 0, "repayment_number": 1}, "ck_loan_segment_number_positive"),
    ("loan_segment", {"number": 2}, "ck_loan_segment_first_as_booked"),
    ("loan_segment", {"repayment_number": 1}, "ck_loan_segment_first_as_booked"),
    ("loan_segment", {"first_installment": 2}, "ck_loan_segment_first_installment_range"),
    (
        "loan_segment",
        {"number": 2, "repayment_number": 1, "first_installment": 0},
        "ck_loan_segment_first_installment_range",
    ),
    ("loan_segment", {"opening_principal_paise": 0}, "ck_loan_segment_opening_principal_positive"),
    ("loan_segment", {"interest_rate_e4": -1}, "ck_loan_segment_rate_range"),
    ("loan_segment", {"interest_rate_e4": 1_000_001}, "ck_loan_segment_rate_range"),
    ("loan_segment", {"installments": 0}, "ck_loan_segment_installments_range"),
    ("loan_segment", {"installments": 601}, "ck_loan_segment_installments_range"),
    ("loan_segment", {"monthly_installment_paise": 0}, "ck_loan_segment_installment_positive"),
    ("loan_charge", {"number": 0}, "ck_loan_charge_number_positive"),
    ("loan_charge", {"kind": "LATE_PAYMENT"}, "ck_loan_charge_kind_known"),
    ("loan_charge", {"amount_paise": 0}, "ck_loan_charge_amount_positive"),
    ("loan_charge", {"reason": "a" * 201}, "ck_loan_charge_reason_length"),
    ("loan_charge", {"repayment_count": -1}, "ck_loan_charge_repayment_count_not_negative"),
    ("sanction_end", {"state": "EXPIRED"}, "ck_sanction_end_state_known"),
    ("sanction_end", {"reason": "LENDER"}, "ck_sanction_end_reason_of_cancellation"),
    ("sanction_end", {"state": "CANCELLED"}, "ck_sanction_end_reason_of_cancellation"),
    ("sanction_end", {"state": "CANCELLED", "reason": "REGRET"}, "ck_sanction_end_reason_of_cancellation"),
    ("sanction_end", {"external_reference": "a" * 65}, "ck_sanction_end_external_reference_length"),
    (
        "repayment",
        {"closes_loan": True, "outstanding_principal_paise": 0, "paid_toward_next_paise": 1},
        "ck_repayment_nothing_next_when_repaid",
    ),
    ("principal", {"name": ""}, "ck_principal_name_length"),
    ("principal", {"name": "a" * 65}, "ck_principal_name_length"),
    ("api_key", {"sha256": bytes(31)}, "ck_api_key_sha256_length"),
    ("api_key", {"expire_time_us": 1}, "ck_api_key_expires_later"),
    ("access_state", {"number": 2}, "ck_access_state_one_row"),
    ("change_event", {"number": 0}, "ck_change_event_number_positive"),
    ("decision_cut", {"place": 2}, "ck_decision_cut_one_row"),
    ("change_event", {"kind": 0}, "ck_change_event_kind_positive"),
    ("change_event_cut", {"place": 2}, "ck_change_event_cut_one_row"),
    ("change_event_cut", {"number": -1}, "ck_change_event_cut_number_not_negative"),
    ("daily_sum", {"name": "REVERSALS"}, "ck_daily_sum_name_known"),
    ("daily_sum_place", {"source": "LOANS"}, "ck_daily_sum_place_source_known"),
    ("customer_change", {"number": 0}, "ck_customer_change_number_positive"),
    ("customer_change", {"new_value": "3"}, "ck_customer_change_values_differ"),
    ("customer_change", {"row_number": None}, "ck_customer_change_row_of_import"),
    ("customer_change", {"import_id": None}, "ck_customer_change_row_of_import"),
    *(("customer_change", {"reason": each}, "ck_customer_change_reason_length") for each in ("", "x" * 201)),
    ("import_file", {"kind": "RECIPES"}, "ck_import_file_kind_known"),
    ("import_file", {"state": "LOST"}, "ck_import_file_state_known"),
    ("import_file", {"state": "SUCCEEDED", "end_time_us": 3}, "ck_import_file_rows_accounted_for"),
    ("import_file", {"state": "FAILED"}, "ck_import_file_ended_in_end_state"),
    ("import_file", {"end_time_us": 3}, "ck_import_file_ended_in_end_state"),
    ("import_issue", {"outcome": "IGNORED"}, "ck_import_issue_outcome_known"),
    ("audit_event", {"stream_id": 0}, "ck_audit_event_place_positive"),
    ("audit_event", {"sequence": 0}, "ck_audit_event_place_positive"),
    ("audit_event", {"kind": 0}, "ck_audit_event_kind_known"),
    ("audit_event", {"kind": 5}, "ck_audit_event_kind_known"),
    ("audit_baseline", {"number": 2}, "ck_audit_baseline_one_row"),
    ("audit_cut", {"removed": 0}, "ck_audit_cut_removed_positive"),
    ("audit_cut", {"removed": 3}, "ck_audit_cut_removed_positive"),
    ("audit_checkpoint", {"number": 0}, "ck_audit_checkpoint_number_positive"),
]

KEYS = [
    ("customer", {}, "customer.customer_id", "pk_customer"),
    ("phone_number", {"customer_id": 2}, "phone_number.digits", "pk_phone_number"),
    ("customer_name", {}, "customer_name.key, customer_name.customer_id", "pk_customer_name"),
    ("decision", {}, "decision.customer_id, decision.decision_id", "pk_decision"),
    ("loan_number", {"customer_id": 2}, "loan_number.loan_id", "pk_loan_number"),
    ("loan", {"source_loan_id": 2}, "loan.customer_id, loan.loan_id", "pk_loan"),
    (
        "repayment",
        {"repayment_id": "s"},
        "repayment.customer_id, repayment.loan_id, repayment.number",
        "pk_repayment",
    ),
    (
        "repayment",
        {"number": 2},
        "repayment.customer_id, repayment.repayment_id",
        "uq_repayment_customer_id_repayment_id",
    ),
    (
        "repayment_reversal",
        {"reason": "MISTAKE"},
        "repayment_reversal.customer_id, repayment_reversal.loan_id, repayment_reversal.number",
        "pk_repayment_reversal",
    ),
    (
        "loan_segment",
        {"installments": 11},
        "loan_segment.customer_id, loan_segment.loan_id, loan_segment.number",
        "pk_loan_segment",
    ),
    (
        "loan_charge",
        {"kind": "WAIVER"},
        "loan_charge.customer_id, loan_charge.loan_id, loan_charge.number",
        "pk_loan_charge",
    ),
    ("sanction_end", {}, "sanction_end.customer_id, sanction_end.loan_id", "pk_sanction_end"),
    (
        "customer_change",
        {"field": "age"},
        "customer_change.customer_id, customer_change.number",
        "pk_customer_change",
    ),
    ("business_day", {}, "business_day.business_date, business_day.recorded_id", "pk_business_day"),
    ("policy_pin", {"sha256": "other"}, "policy_pin.version", "pk_policy_pin"),
    ("terms_pin", {"content": "other"}, "terms_pin.version", "pk_terms_pin"),
    (
        "idempotency_record",
        {"fingerprint": "g"},
        "idempotency_record.request_id, idempotency_record.principal",
        "pk_idempotency_record",
    ),
    ("change_event", {"kind": 2}, "change_event.number", "pk_change_event"),
    ("change_event_cut", {"number": 2}, "change_event_cut.place", "pk_change_event_cut"),
    ("daily_sum", {"row_count": 2}, "daily_sum.name, daily_sum.day, daily_sum.label", "pk_daily_sum"),
    ("daily_sum_place", {"place": "e"}, "daily_sum_place.source", "pk_daily_sum_place"),
    ("principal", {}, "principal.name", "pk_principal"),
    ("api_key", {"sha256": bytes(range(32))}, "api_key.key_id", "pk_api_key"),
    ("api_key", {"key_id": "Ab0123456789"}, "api_key.sha256", "uq_api_key_sha256"),
    ("certificate_name", {}, "certificate_name.name", "pk_certificate_name"),
    ("import_file", {"queue_number": 2}, "import_file.import_id", "uq_import_file_import_id"),
    ("import_content", {"content": b"d"}, "import_content.import_id, import_content.number", "pk_import_content"),
    ("audit_event", {}, "audit_event.stream_id, audit_event.sequence", "pk_audit_event"),
    ("audit_checkpoint", {}, "audit_checkpoint.number", "pk_audit_checkpoint"),
]

REFERENCES = [
    ("decision", {"decision_id": "e", "customer_id": 9}),
    ("loan", {"loan_id": 9, "customer_id": 9}),
    ("repayment", {"repayment_id": "s", "loan_id": 9}),
    ("repayment_reversal", {"number": 2}),
    ("loan_segment", {"loan_id": 9}),
    ("loan_segment", {"number": 2, "repayment_number": 2}),
    ("loan_charge", {"loan_id": 9}),
    ("sanction_end", {"loan_id": 9}),
    ("customer_change", {"number": 2, "loan_id": None, "customer_id": 9}),
    ("customer_change", {"number": 2, "loan_id": 9}),
    ("import_issue", {"queue_number": 9}),
    ("api_key", {"key_id": "Ab0123456789", "sha256": bytes(range(32)), "principal": "nobody"}),
    ("certificate_name", {"name": "other.example", "principal": "nobody"}),
]


POSTGRES_SAYS_TOO = {
    "ck_repayment_external_reference_length": "|value too long for type",
    "ck_repayment_reversal_return_code_length": "|value too long for type",
    "ck_loan_charge_reason_length": "|value too long for type",
    "ck_sanction_end_external_reference_length": "|value too long for type",
    "ck_principal_name_length": "|value too long for type",
    "ck_customer_first_name_length": "|value too long for type",
    "ck_customer_last_name_length": "|value too long for type",
    "ck_customer_change_reason_length": "|value too long for type",
    # Of several broken checks it names the first by the alphabet.
    "ck_loan_repayment_count_range": "|ck_loan_latest_repayment_range",
    "ck_loan_emis_paid_range": "|ck_loan_emis_on_time_range",
    "ck_repayment_emis_paid_not_fewer": "|ck_repayment_emis_on_time_range",
}


def broken(kind: str, sqlite_name: str, name: str) -> str:
    """How the databases say that a row breaks a constraint."""
    # PostgreSQL names the partition's, where a table has some.
    of_partition = rf"{name}_\w+|{name.removeprefix('pk_')}_\w+_pkey"
    return f'{kind} constraint failed: {re.escape(sqlite_name)}|{kind.lower()} constraint "({name}|{of_partition})"'


@pytest.fixture(scope="module")
def engine(databases):
    """The engine of an empty book, which no test commits to."""
    url = databases.make()
    store = SqlStore(url)
    # On PostgreSQL no transaction begins by itself.
    yield store.engine if store.engine.dialect.name == "sqlite" else store.engine.execution_options(**{BEGIN: WRITING})
    store.close()
    databases.drop(url)


@pytest.fixture
def put(engine):
    """Writes rows, each table's good one with changes, past everything that checks them; all are rolled back."""
    with engine.connect() as connection:
        # The rows that the schema comes with.
        for table in ("access_state", "change_event_cut", "daily_sum_place"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - names of our own

        def write(table: str, changes=None) -> None:
            target = metadata.tables[table]
            row = GOOD[table] | (changes or {})
            columns = ", ".join(row)
            values = ", ".join(f":{column}" for column in row)
            connection.execute(text(f"INSERT INTO {target.name} ({columns}) VALUES ({values})"), row)  # noqa: S608

        yield write


@pytest.fixture
def put_good(put):
    for table in GOOD:
        put(table)
    for number, customer_id in ((2, 1), (3, 1), (9, 9)):
        put("loan_number", {"loan_id": number, "customer_id": customer_id})
    return put


def test_rows_of_a_sound_book_are_taken(put_good):
    assert set(GOOD) == set(metadata.tables)
    assert put_good


@pytest.mark.parametrize(("table", "changes", "check"), CHECKS)
def test_row_that_breaks_an_invariant_is_refused(put, table, changes, check):
    for earlier in GOOD:
        if earlier == table:
            break
        put(earlier)
    with pytest.raises(DBAPIError, match=broken("CHECK", check, check) + POSTGRES_SAYS_TOO.get(check, "")):
        put(table, changes)


def test_every_check_of_the_schema_is_tried():
    declared = {
        str(constraint.name)
        for table in metadata.tables.values()
        for constraint in (*table.constraints, *(each for column in table.c for each in column.constraints))
        if isinstance(constraint, CheckConstraint)
    }
    assert declared == {check for _, _, check in CHECKS}


@pytest.mark.parametrize(("table", "changes", "columns", "constraint"), KEYS)
def test_key_stands_once(put_good, table, changes, columns, constraint):
    with pytest.raises(IntegrityError, match=broken("UNIQUE", columns, constraint)):
        put_good(table, changes)


def test_number_of_a_sheet_stands_once_for_a_customer_whatever_number_the_loan_has(put_good):
    put_good("loan", {"loan_id": 2, "source_loan_id": 7})
    columns = "loan.customer_id, loan.source_loan_id"
    with pytest.raises(IntegrityError, match=broken("UNIQUE", columns, "uq_loan_customer_id_source_loan_id")):
        put_good("loan", {"loan_id": 3, "source_loan_id": 7})


def test_decision_books_one_loan(put_good):
    booked = {"source_loan_id": None, "decision_id": "d", "customer_id": 1}
    put_good("loan", {"loan_id": 2, **booked})
    columns = "loan.customer_id, loan.decision_id"
    with pytest.raises(IntegrityError, match=broken("UNIQUE", columns, "uq_loan_customer_id_decision_id")):
        put_good("loan", {"loan_id": 3, **booked})


@pytest.mark.parametrize(("table", "changes"), REFERENCES)
def test_row_that_refers_to_nothing_is_refused(put_good, table, changes):
    with pytest.raises(IntegrityError, match=r"(?i)foreign key constraint"):
        put_good(table, changes)


@pytest.mark.parametrize(
    ("table", "column"),
    [
        (table.name, column.name)
        for table in metadata.sorted_tables
        for column in table.c
        # A whole number that is the key by itself is given by the database where it is left out.
        if not column.nullable
        and not (isinstance(column.type, Integer) and [*table.primary_key] == [column])
        # What was added to tables with rows has a default.
        and column.server_default is None
    ],
)
def test_figure_that_is_needed_is_never_missing(engine, table, column):
    columns = {name: value for name, value in GOOD[table].items() if name != column}
    values = ", ".join(f":{column}" for column in columns)
    with engine.connect() as connection, pytest.raises(IntegrityError, match=r"(?i)not.null constraint"):
        connection.execute(text(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})"), columns)  # noqa: S608


def test_every_key_of_what_a_customer_has_carries_the_customers_number():
    # Else the book could not be divided by it.
    by_number = {("phone_number", "digits"), ("loan_number", "loan_id")}
    for table in metadata.tables.values():
        # An event is the caller's, and concerns a customer or none.
        if "customer_id" not in table.c or table.name in ("audit_event", "change_event"):
            continue
        keys = [table.primary_key, *(each for each in table.constraints if isinstance(each, UniqueConstraint))]
        keys += [index for index in table.indexes if index.unique]
        for key in keys:
            assert "customer_id" in key.columns or (table.name, *key.columns.keys()) in by_number, key
        for reference in table.foreign_key_constraints:
            assert "customer_id" in reference.columns, reference
            assert reference.referred_table.name not in ("phone_number", "loan_number"), reference
