"""Side effects are delivered at least once, retried with growing pauses, and shown when they fail; never dropped."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from sqlmodel import select

from enclave.kernel import clock, outbox
from enclave.kernel.db import reading
from enclave.kernel.errors import Unavailable
from enclave.kernel.identity import system
from enclave.kernel.log import correlated, correlation_id
from enclave.kernel.outbox import ATTEMPTS, LEASE, OutboxMessage, deliver_one
from enclave.kernel.unit import unit_of_work

SYSTEM = system("tests")


def send(topic: str = "mail.send", **payload: object) -> None:
    with unit_of_work(SYSTEM) as unit:
        unit.record("thing.done", "thing:1")
        unit.send(topic, **payload)


def message() -> OutboxMessage:
    with reading() as session:
        return session.exec(select(OutboxMessage)).one()


def broken(_payload: object) -> None:
    raise RuntimeError("王小明 510104199003070011")  # a careless library puts data into its errors


def test_a_message_is_delivered_once_with_its_payload(home) -> None:
    send(number=7, name="图")
    got: list[object] = []
    assert deliver_one({"mail.send": got.append})
    assert not deliver_one({"mail.send": got.append})
    assert got == [{"number": 7, "name": "图"}]
    assert message().state == "done"


def test_messages_without_a_handler_wait(home) -> None:
    send("other.topic")
    assert not deliver_one({"mail.send": print})
    assert message().attempts == 0


def test_nothing_of_a_failed_unit_is_sent(home) -> None:
    with pytest.raises(RuntimeError), unit_of_work(SYSTEM) as unit:
        unit.record("thing.done", "thing:1")
        unit.send("mail.send")
        raise RuntimeError
    assert not deliver_one({"mail.send": print})


def test_failures_are_retried_with_growing_pauses_then_shown(home) -> None:
    send()
    moment, pauses = clock.now(), []
    for _ in range(ATTEMPTS):
        with clock.frozen(moment):
            assert deliver_one({"mail.send": broken})
            assert not deliver_one({"mail.send": broken})  # not due again at once
        pauses.append(message().due_at - moment)
        moment = message().due_at
    assert message().state == "failed"
    assert message().attempts == ATTEMPTS
    waits = pauses[:-1]
    assert waits == sorted(waits)
    assert waits[0] < waits[-1] <= timedelta(seconds=300)
    with clock.frozen(moment + timedelta(days=1)):
        assert not deliver_one({"mail.send": broken})


def test_an_operator_puts_a_failed_message_back(home) -> None:
    send()
    moment = clock.now()
    for _ in range(ATTEMPTS):
        with clock.frozen(moment):
            deliver_one({"mail.send": broken})
        moment = message().due_at
    with unit_of_work(SYSTEM) as unit:
        outbox.retry(unit.session, message().id)
        unit.record("outbox.retried", f"outbox:{message().id}")
    got: list[object] = []
    assert deliver_one({"mail.send": got.append})
    assert got == [{}]
    assert (message().state, message().error) == ("done", "")


@pytest.mark.promise("P12")
def test_an_error_keeps_its_code_and_never_its_words(home, capsys) -> None:
    from enclave.kernel.log import configure

    configure()
    send()
    deliver_one({"mail.send": broken})
    assert message().error == "RuntimeError"
    with clock.frozen(message().due_at):
        deliver_one({"mail.send": lambda _payload: (_ for _ in ()).throw(Unavailable("store_unavailable"))})
    assert message().error == "store_unavailable"
    printed = capsys.readouterr()
    assert "RuntimeError" in printed.err
    assert "王小明" not in printed.out + printed.err


def test_a_handler_sees_the_correlation_id_of_the_cause(home) -> None:
    with correlated("the-cause"):
        send()
    seen: list[str] = []
    deliver_one({"mail.send": lambda _payload: seen.append(correlation_id.get())})
    assert seen == ["the-cause"]


KILLED_WHILE_DELIVERING = """
import os, signal
from enclave.kernel.outbox import deliver_one
deliver_one({"mail.send": lambda payload: os.kill(os.getpid(), signal.SIGKILL)})
"""


def test_a_worker_killed_while_delivering_loses_nothing(home) -> None:
    send(number=1)
    killed = subprocess.run([sys.executable, "-c", KILLED_WHILE_DELIVERING], env=dict(os.environ), check=False)
    assert killed.returncode == -9
    got: list[object] = []
    assert not deliver_one({"mail.send": got.append})  # another worker may still be at it
    with clock.frozen(clock.now() + LEASE):
        assert deliver_one({"mail.send": got.append})
    assert got == [{"number": 1}]
    assert message().state == "done"


WORKER = """
import sys
from enclave.kernel.outbox import deliver_one
while deliver_one({"mail.send": lambda payload: print(payload["number"], flush=True)}):
    pass
"""


def test_workers_share_messages_without_delivering_one_twice(home) -> None:
    for number in range(40):
        send(number=number)
    workers = [
        subprocess.Popen([sys.executable, "-c", WORKER], env=dict(os.environ), stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    numbers = [int(line) for worker in workers for line in worker.communicate(timeout=120)[0].split()]
    assert sorted(numbers) == list(range(40))
    assert all(worker.returncode == 0 for worker in workers)
