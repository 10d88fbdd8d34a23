"""The description is true: it is valid, complete, and every answer is one that it names."""

import random
import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from tests.api.room import Installation, serving


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with serving(Installation(tmp_path_factory.mktemp("api"), failures_per_minute=10_000)) as up:
        for _ in range(3):
            up.review()
        yield up


@pytest.fixture(scope="module")
def described(room: Installation) -> dict[str, Any]:
    answer: dict[str, Any] = httpx.get(f"{room.base}/api/v1/openapi.json").json()
    return answer


def operations(described: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    ]


def test_it_says_what_each_operation_is_and_needs(described: dict[str, Any]) -> None:
    assert described["openapi"].startswith("3.1")
    found = operations(described)
    assert len(found) == 22
    assert len({operation["operationId"] for _, _, operation in found}) == len(found)
    for method, path, operation in found:
        assert operation["description"], path
        assert operation["security"] == [{"HTTPBearer": []}], path
        assert "401" in operation["responses"], path
        decides = method == "post" and not path.startswith(("/api/v1/templates", "/api/v1/tokens"))
        named = {parameter["name"] for parameter in operation.get("parameters", [])}
        assert ("If-Match" in named) == decides, path


def test_every_schema_is_one(described: dict[str, Any]) -> None:
    for name, schema in described["components"]["schemas"].items():
        assert schema["title"] == name
        jsonschema.Draft202012Validator.check_schema(schema)


def odd_values(dice: random.Random) -> list[Any]:
    text = "".join(dice.choice(string.printable + "ü\u202e\U0001f600") for _ in range(30))
    return ["", text, "'; DROP TABLE message; --", -1, 0, 2**63, 1.5, True, None, [], {}, [{}]]


def body_for(schema: dict[str, Any], described: dict[str, Any], dice: random.Random) -> Any:
    """Something that is near the schema, or far from it."""
    if dice.random() < 0.2:
        return dice.choice(odd_values(dice))
    if "$ref" in schema:
        return body_for(
            described["components"]["schemas"][schema["$ref"].rpartition("/")[2]], described, dice
        )
    if "anyOf" in schema:
        return body_for(dice.choice(schema["anyOf"]), described, dice)
    if "enum" in schema:
        return dice.choice(schema["enum"])
    match schema.get("type"):
        case "object":
            return {
                name: body_for(part, described, dice)
                for name, part in schema.get("properties", {}).items()
                if dice.random() < 0.8
            }
        case "array":
            return [body_for(schema["items"], described, dice) for _ in range(dice.randrange(3))]
        case "integer" | "number":
            return dice.choice([1, 2, 0, -1, 10**12])
        case "string":
            return dice.choice(["hr", "hr@company.test", "a" * 64, "12.5", "", "EUR"])
    return None


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_whatever_comes_gets_an_answer_that_is_described(
    room: Installation, described: dict[str, Any], seed: int
) -> None:
    dice = random.Random(seed)
    with room.client("admin") as client:
        for method, path, operation in operations(described):
            for _ in range(3):
                answer = ask(client, method, path, operation, described, dice)
                check(answer, operation, described, f"{method} {path}")


def ask(
    client: httpx.Client,
    method: str,
    path: str,
    operation: dict[str, Any],
    described: dict[str, Any],
    dice: random.Random,
) -> httpx.Response:
    filled = path.removeprefix("/api/v1")
    for name, values in {
        "number": ["1", "2", "3", "99", "0", "x", "-1", "9" * 30],
        "sha256": ["0" * 64, "x"],
        "title": ["order-confirmation.de", "nothing.de", "..%2F..", "a"],
        "verb": ["hold", "release", "retry", "drop", "eat"],
        "name": ["nobody", "x" * 70, "%00", "%F0%9F%98%80"],
    }.items():
        filled = filled.replace(f"{{{name}}}", dice.choice(values))
    content: dict[str, Any] = {}
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        content["json"] = body_for(schema, described, dice)
    tag = dice.choice([None, "*", '"1"', '"99999"', "x", 'W/"1"'])
    headers = {} if tag is None else {"If-Match": tag}
    query = {"about": "x\ud800"[: dice.randrange(2)], "limit": dice.choice(["1", "0", "x"])}
    params = query if path.endswith(("audit", "labels")) else None
    return client.request(method, filled, headers=headers, params=params, **content)


def check(
    answer: httpx.Response, operation: dict[str, Any], described: dict[str, Any], what: str
) -> None:
    assert answer.status_code < 500, (what, answer.text)
    declared = operation["responses"].get(str(answer.status_code))
    assert declared is not None, (what, answer.status_code)
    kind = answer.headers["Content-Type"].partition(";")[0]
    assert kind in declared["content"], (what, kind)
    schema = declared["content"][kind].get("schema")
    if schema:
        whole = {**schema, "components": described["components"]}
        jsonschema.validate(answer.json(), whole)


def test_the_page_names_every_route(described: dict[str, Any]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `(GET|POST|DELETE) (/[^`]*)` \|", page, re.MULTILINE))
    served = {
        (method.upper(), path.removeprefix("/api/v1")) for method, path, _ in operations(described)
    }
    assert named == served
