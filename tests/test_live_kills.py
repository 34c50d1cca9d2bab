"""Whatever is killed or emptied at whatever moment: everybody is sent the advisory, and at most a part of a batch twice."""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack import Stack, running, until

pytestmark = pytest.mark.live

PEOPLE = 3_000
BODIES = 30
PART = 100  # mails that one killed process may have sent and not noted


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    place = tmp_path_factory.mktemp("kills")
    with running(place) as live:
        bodies, people = place / "bodies.csv", place / "people.csv"
        with bodies.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["slug", "name", "kind", "parent", "topics"])
            rows.writerow(["root", "Root", "department", "", ""])
            rows.writerows([f"body-{n}", f"Body {n}", "public body", "root", ""] for n in range(BODIES))
        with people.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["email", "name", "body", "role"])
            rows.writerow(["officer@kills.example", "Officer", "root", "officer"])
            rows.writerows(
                [f"person{n}@kills.example", f"Person {n}", f"body-{n % BODIES}", "member"] for n in range(PEOPLE)
            )
        live.manage("load_bodies", str(bodies))
        live.manage("load_people", str(people))
        yield live


def publish(stack: Stack, title: str) -> str:
    """An advisory of its own for each test; its reference."""
    path = stack.place / f"{title}.json"
    path.write_text(
        json.dumps(
            {
                "title": title,
                "severity": "high",
                "marking": "GREEN",
                "summary": "A drill of the machinery.",
                "audience": {"branches": ["root"]},
            }
        )
    )
    return stack.manage("publish", str(path), "--as", "officer@kills.example", "--alone", "a test").split()[-1]


def sent(stack: Stack, reference: str) -> int:
    [(count,)] = stack.query(
        "SELECT count(*) FROM alerts_message m JOIN alerts_advisory a ON a.id = m.advisory_id"
        " WHERE a.reference = %s AND m.state = 'sent'",
        reference,
    )
    return int(str(count))


def received(stack: Stack, title: str) -> Counter[str]:
    """How many mails of this title each address got, by the mailbox's own files."""
    found: Counter[str] = Counter()
    for path in Path(stack.environment["MAILBOX_DIR"]).rglob("*"):
        if path.is_file() and path.suffix == ".eml":
            head = path.read_bytes()[:4_000].decode(errors="replace")
            if title in head:
                to = next(line for line in head.splitlines() if line.lower().startswith("to:"))
                found[to.rsplit("<", 1)[-1].strip("> ").lower()] += 1
    return found


def all_sent(stack: Stack, reference: str) -> bool:
    return sent(stack, reference) == PEOPLE + 1


def test_redis_emptied_in_the_middle_loses_nothing_and_doubles_nothing(stack: Stack) -> None:
    reference = publish(stack, "emptied")
    until("the first mails have left", lambda: sent(stack, reference) > 100)
    stack.redis().flushdb()
    until("everybody was sent it", lambda: all_sent(stack, reference), within=120)
    mails = received(stack, "emptied")
    assert len(mails) == PEOPLE + 1
    assert set(mails.values()) == {1}


def test_a_worker_killed_in_the_middle_loses_nothing_and_doubles_at_most_a_part(stack: Stack) -> None:
    reference = publish(stack, "killed")
    until("the first mails have left", lambda: sent(stack, reference) > 100)
    stack.kill("worker")
    assert not all_sent(stack, reference)
    stack.start_worker()
    until("everybody was sent it", lambda: all_sent(stack, reference), within=120)
    mails = received(stack, "killed")
    assert len(mails) == PEOPLE + 1
    # Two processes of the worker may each have been in the middle of a part.
    assert sum(mails.values()) - (PEOPLE + 1) <= 2 * PART


def test_coverage_adds_up_at_every_body(stack: Stack) -> None:
    reference = publish(stack, "adding up")
    until("everybody was sent it", lambda: all_sent(stack, reference), within=120)
    whole, *bodies = stack.coverage(reference)
    below: dict[object, Counter[str]] = {}
    for row in bodies:
        assert isinstance(row["branch"], dict)
        branch = {name: value for name, value in row["branch"].items() if isinstance(value, int)}
        below.setdefault(row["parent"], Counter()).update(branch)
    for row in bodies:
        assert isinstance(row["own"], dict)
        assert isinstance(row["branch"], dict)
        expected = Counter(row["own"]) + below.get(row["body"], Counter())
        assert {name: row["branch"][name] for name in row["own"]} == {name: expected[name] for name in row["own"]}
    assert isinstance(whole["branch"], dict)
    assert whole["branch"]["sent"] == PEOPLE + 1
