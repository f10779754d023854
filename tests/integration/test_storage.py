"""Stored contents are sealed, whole, verified and erasable; an upload without a commit leaves nothing behind."""

from __future__ import annotations

import hashlib
import os
from datetime import timedelta

import pytest
from sqlmodel import select

from enclave.kernel import clock, crypto, ledger, storage
from enclave.kernel.db import reading
from enclave.kernel.errors import NotFound, Unavailable
from enclave.kernel.identity import system
from enclave.kernel.outbox import deliver_one
from enclave.kernel.storage import StoredObject
from enclave.kernel.unit import unit_of_work

SYSTEM = system("tests")


def kept(content: bytes) -> StoredObject:
    entry = storage.put_bytes(content, "test")
    with unit_of_work(SYSTEM) as unit:
        storage.keep(unit, entry.key)
        unit.record("object.kept", f"object:{entry.key}")
    return entry


def rows() -> dict[str, str]:
    with reading() as session:
        return {entry.key: entry.state for entry in session.exec(select(StoredObject))}


@pytest.mark.parametrize("size", [0, 1, crypto.CHUNK - 1, crypto.CHUNK, crypto.CHUNK + 1, 3 * crypto.CHUNK])
def test_contents_of_any_size_come_back_whole(home, tmp_path, size) -> None:
    content = os.urandom(size)
    entry = kept(content)
    assert (entry.size, entry.sha256) == (size, hashlib.sha256(content).hexdigest())
    storage.fetch(entry.key, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == content
    assert storage.fetch_bytes(entry.key) == content


@pytest.mark.promise("P12")
def test_the_store_sees_neither_contents_nor_names(home, object_store, tmp_path) -> None:
    source = tmp_path / "王小明的住院记录.csv"
    source.write_text("身份证号\n510104199003070011\n" * 1000, "utf-8")
    entry = storage.put(source, "upload")
    assert "王小明" not in entry.key
    sealed = object_store.objects[entry.key]
    assert b"510104199003070011" not in sealed
    assert "身份证号".encode() not in sealed


def test_equal_contents_are_not_seen_to_be_equal(home, object_store) -> None:
    first, second = kept(b"the same"), kept(b"the same")
    assert object_store.objects[first.key] != object_store.objects[second.key]


def flip(sealed: bytes) -> bytes:
    return bytes([sealed[0] ^ 1]) + sealed[1:]


@pytest.mark.promise("P6")
@pytest.mark.parametrize(
    "tamper", [flip, lambda sealed: sealed[:-1], lambda sealed: sealed + b"x", lambda _sealed: b""]
)
def test_tampered_contents_are_refused_and_leave_no_file(home, object_store, tmp_path, tamper) -> None:
    entry = kept(os.urandom(crypto.CHUNK + 10))
    object_store.objects[entry.key] = tamper(object_store.objects[entry.key])
    with pytest.raises(crypto.Tampered) as refused:
        storage.fetch(entry.key, tmp_path / "back")
    assert refused.value.code == "object_tampered"
    assert list(tmp_path.glob("*back*")) == []


@pytest.mark.promise("P6")
def test_one_object_cannot_stand_in_for_another(home, object_store, tmp_path) -> None:
    first, second = kept(b"first"), kept(b"other")
    object_store.objects[first.key] = object_store.objects[second.key]
    with pytest.raises(crypto.Tampered):
        storage.fetch(first.key, tmp_path / "back")


@pytest.mark.promise("P6")
def test_contents_that_open_but_differ_from_the_record_are_refused(home, tmp_path) -> None:
    entry = kept(b"what was recorded")
    with unit_of_work(SYSTEM) as unit:
        unit.get(StoredObject, entry.key).sha256 = "0" * 64
    with pytest.raises(crypto.Tampered):
        storage.fetch(entry.key, tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_a_failed_fetch_keeps_the_file_that_was_there(home, object_store, tmp_path) -> None:
    entry = kept(b"new")
    (tmp_path / "back").write_bytes(b"old")
    object_store.objects[entry.key] = b"broken"
    with pytest.raises(crypto.Tampered):
        storage.fetch(entry.key, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"old"


def test_uploads_are_made_before_the_unit_of_work(home) -> None:
    with pytest.raises(AssertionError), unit_of_work(SYSTEM):
        storage.put_bytes(b"x", "test")


def test_an_upload_whose_command_failed_is_swept_away(home, object_store) -> None:
    abandoned = storage.put_bytes(b"half made", "test")
    with pytest.raises(RuntimeError), unit_of_work(SYSTEM) as unit:
        storage.keep(unit, abandoned.key)
        unit.record("object.kept", "object:x")
        raise RuntimeError
    stays = kept(b"kept")
    assert rows() == {abandoned.key: "waiting", stays.key: "kept"}
    assert storage.sweep() == 0  # its command may still be running
    with clock.frozen(clock.now() + storage.ABANDONED + timedelta(minutes=1)):
        assert storage.sweep() == 1
        assert storage.sweep() == 0
    assert rows() == {stays.key: "kept"}
    assert list(object_store.objects) == [stays.key]


def test_an_upload_that_broke_off_is_swept_away(home, object_store) -> None:
    def die(_key: str) -> None:
        raise KeyboardInterrupt

    object_store.before_put = die
    with pytest.raises(KeyboardInterrupt):
        storage.put_bytes(b"half made", "test")
    object_store.before_put = None
    assert list(rows().values()) == ["waiting"]
    with clock.frozen(clock.now() + storage.ABANDONED + timedelta(minutes=1)):
        assert storage.sweep() == 1
    assert rows() == {}


def test_an_erased_object_never_opens_again(home, object_store, tmp_path) -> None:
    entry = kept(b"to be destroyed")
    copied_by_a_backup = object_store.objects[entry.key]
    with unit_of_work(SYSTEM) as unit:
        storage.erase(unit, entry.key)
        unit.record("object.erased", f"object:{entry.key}")
    assert deliver_one({"store.remove": storage.remove})
    storage.remove({"key": entry.key})  # handlers bear repetition
    assert object_store.objects == {}
    object_store.objects[entry.key] = copied_by_a_backup
    with pytest.raises(NotFound):
        storage.fetch(entry.key, tmp_path / "back")
    with reading() as session:
        assert session.get_one(StoredObject, entry.key).wrapped_key == ""


def test_erasing_is_undone_with_its_unit(home, tmp_path) -> None:
    entry = kept(b"stays")
    with pytest.raises(RuntimeError), unit_of_work(SYSTEM) as unit:
        storage.erase(unit, entry.key)
        unit.record("object.erased", f"object:{entry.key}")
        raise RuntimeError
    assert storage.fetch_bytes(entry.key) == b"stays"


def test_a_store_that_is_down_says_so(home, object_store) -> None:
    entry = kept(b"x")
    object_store.down = True
    for step in (
        lambda: storage.put_bytes(b"y", "test"),
        lambda: storage.fetch_bytes(entry.key),
        lambda: storage.remove({"key": entry.key}),
        storage.prepare,
        storage.probe,
    ):
        with pytest.raises(Unavailable) as unavailable:
            step()
        assert unavailable.value.code == "store_unavailable"
    object_store.down = False
    assert storage.fetch_bytes(entry.key) == b"x"


def test_the_bucket_is_made_once(home, object_store) -> None:
    object_store.buckets.clear()
    storage.prepare()
    storage.prepare()
    storage.probe()
    assert object_store.buckets == {"enclave": {}}


def test_unknown_objects_are_not_found(home, tmp_path) -> None:
    with pytest.raises(NotFound):
        storage.fetch("test/obj-none", tmp_path / "back")
    with reading() as session:
        assert list(ledger.stored(session)) == []
