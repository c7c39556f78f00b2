"""The asynchronous client against a real server."""

import asyncio
from collections import Counter

import pytest
from almeno_client import AsyncCreditClient, Decision, ImportKind, ImportState, NotFound
from support.servers import ROOT, RunningServer

CALLS = 200
TERMS = {"loan_amount": 500_000, "interest_rate": "10.5", "tenure_months": 36}


def test_hundreds_of_checks_at_once_are_decided_as_they_are_one_by_one(sample_server: RunningServer) -> None:
    async def checks(customer_ids: list[int]) -> list[Decision]:
        async with AsyncCreditClient(sample_server.address) as client:
            return await asyncio.gather(*(client.check_eligibility(number, **TERMS) for number in customer_ids))

    with sample_server.client() as client:
        customer_ids = [customer.customer_id for customer in client.list_customers(page_size=CALLS)][:CALLS]
        one_by_one = [client.check_eligibility(number, **TERMS) for number in customer_ids]
    assert len(customer_ids) == CALLS
    assert asyncio.run(checks(customer_ids)) == one_by_one


def test_file_is_loaded_and_listed_beside_other_calls(sample_server: RunningServer) -> None:
    async def story() -> None:
        async with AsyncCreditClient(sample_server.address) as client:
            started = await client.start_import(ImportKind.CUSTOMERS, ROOT / "data" / "customers.xlsx")

            async def watch() -> ImportState:
                return [moved.state async for moved in client.watch_import(started.import_id)][-1]

            ended, customers, _ = await asyncio.gather(watch(), listed(client), client.who_am_i())
            assert ended is ImportState.SUCCEEDED
            assert max(customers.values()) == 1
            with pytest.raises(NotFound) as caught:
                await client.get_loan(999_999_999)
            assert caught.value.reason == "LOAN_NOT_FOUND"

    async def listed(client: AsyncCreditClient) -> Counter[int]:
        return Counter([customer.customer_id async for customer in client.list_customers(page_size=50)])

    asyncio.run(story())
