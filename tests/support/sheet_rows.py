"""A row of each sheet, by its headings."""

from datetime import date

BOOK_DATE = date(2024, 6, 1)
LOAN = {
    "Customer ID": 14,
    "Loan ID": 5930,
    "Loan Amount": 900000,
    "Tenure": 12,
    "Interest Rate": 13.46,
    "Monthly payment": 85095.5,
    "EMIs paid on Time": 3,
    "Date of Approval": date(2024, 1, 31),
    "End Date": date(2025, 1, 31),
}
CUSTOMER = {
    "Customer ID": 7,
    "First Name": " Asha ",
    "Last Name": "Rao",
    "Age": 41,
    "Phone Number": 9876543210,
    "Monthly Salary": 50000.25,
    "Approved Limit": 1800000,
}
