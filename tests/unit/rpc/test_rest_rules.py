"""The REST rules beside the protos: one for every RPC, with paths that its request can be read from."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from support.good_requests import METHODS

ROOT = Path(__file__).parents[3]
REST = (ROOT / "protos" / "rest.yaml").read_text(encoding="utf-8")
SELECTOR, BINDING, BODY = r"selector: (\S+?)[,\s]", r'\b(get|post|patch): "([^"]+)"', r'body: "\*"'


class Rule(NamedTuple):
    bindings: list[tuple[str, str]]
    has_body: bool


RULES = {
    re.search(SELECTOR, text)[1]: Rule(re.findall(BINDING, text), bool(re.search(BODY, text)))
    for text in re.split(r"^    - ", REST, flags=re.MULTILINE)[1:]
}


def test_every_rule_is_of_one_rpc_of_the_protos() -> None:
    assert REST.count("selector:") == len(RULES)
    assert set(RULES) <= {method.full_name for method in METHODS}


def test_no_two_rules_have_the_same_path() -> None:
    bindings = [(verb, re.sub(r"{\w+}", "{}", path)) for rule in RULES.values() for verb, path in rule.bindings]
    assert len(set(bindings)) == len(bindings)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_every_rpc_has_a_rule_that_its_request_can_be_read_from(method: MethodDescriptor) -> None:
    assert method.full_name in RULES, f"protos/rest.yaml needs a rule: selector: {method.full_name}"
    bindings, has_body = RULES[method.full_name]
    assert bindings
    for verb, path in bindings:
        assert has_body == (verb != "get"), path
        assert set(re.findall(r"{(\w+)}", path)) <= set(method.input_type.fields_by_name), path
    if method.GetOptions().idempotency_level == MethodOptions.IDEMPOTENT:
        assert has_body, "it changes something: its rule is a POST or a PATCH"
