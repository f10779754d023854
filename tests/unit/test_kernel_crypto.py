"""Sealed contents open whole, under their own name and key, or not at all."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enclave.kernel import crypto
from enclave.kernel.crypto import TAG, Tampered

CHUNK = 16  # small chunks, so that short contents have several


@pytest.fixture(autouse=True, scope="module")
def small_chunks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crypto, "CHUNK", CHUNK)
        yield


def seal(content: bytes, key: bytes, name: str = "kind/obj-1") -> bytes:
    out = io.BytesIO()
    crypto.seal(io.BytesIO(content), key, name, out.write)
    return out.getvalue()


def unseal(sealed: bytes, key: bytes, name: str = "kind/obj-1") -> bytes:
    out = io.BytesIO()
    crypto.unseal(io.BytesIO(sealed), key, name, out.write)
    return out.getvalue()


def pieces(sealed: bytes) -> list[bytes]:
    return [sealed[start : start + CHUNK + TAG] for start in range(0, len(sealed), CHUNK + TAG)]


@given(st.binary(max_size=5 * CHUNK))
def test_what_is_sealed_opens_and_tells_the_same_hash_and_size(content) -> None:
    key, out = crypto.new_key(), io.BytesIO()
    told = crypto.seal(io.BytesIO(content), key, "n", out.write)
    back = io.BytesIO()
    assert crypto.unseal(io.BytesIO(out.getvalue()), key, "n", back.write) == told
    assert back.getvalue() == content
    assert told[1] == len(content)
    assert len(out.getvalue()) == len(content) + TAG * max(1, -(-len(content) // CHUNK))


@pytest.mark.promise("P6")
@given(st.binary(max_size=5 * CHUNK), st.data())
def test_every_changed_bit_is_found(content, data) -> None:
    key = crypto.new_key()
    sealed = bytearray(seal(content, key))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Tampered):
        unseal(bytes(sealed), key)


@pytest.mark.promise("P6")
@given(st.binary(max_size=5 * CHUNK), st.data())
def test_every_truncation_is_found(content, data) -> None:
    key = crypto.new_key()
    sealed = seal(content, key)
    with pytest.raises(Tampered):
        unseal(sealed[: data.draw(st.integers(0, len(sealed) - 1))], key)


@pytest.mark.promise("P6")
@given(st.binary(min_size=1, max_size=5 * CHUNK), st.binary(min_size=1, max_size=2 * CHUNK))
def test_whatever_is_appended_is_found(content, more) -> None:
    key = crypto.new_key()
    sealed = seal(content, key)
    for longer in (sealed + more, sealed + sealed, sealed + pieces(sealed)[-1]):
        with pytest.raises(Tampered):
            unseal(longer, key)


@pytest.mark.promise("P6")
@given(st.integers(2, 6), st.data())
def test_chunks_cannot_change_places_or_be_left_out_or_repeated(count, data) -> None:
    key = crypto.new_key()
    parts = pieces(seal(bytes(range(count * CHUNK)), key))
    at = data.draw(st.integers(0, count - 1))
    other = data.draw(st.integers(0, count - 1).filter(lambda index: index != at))
    swapped = [*parts]
    swapped[at], swapped[other] = swapped[other], swapped[at]
    for changed in (swapped, parts[:at] + parts[at + 1 :], [*parts[:at], parts[at], *parts[at:]]):
        with pytest.raises(Tampered):
            unseal(b"".join(changed), key)


@pytest.mark.promise("P6")
def test_chunks_of_another_object_do_not_fit() -> None:
    key = crypto.new_key()
    one, two = pieces(seal(b"a" * 2 * CHUNK, key, "n/1")), pieces(seal(b"b" * 2 * CHUNK, key, "n/2"))
    with pytest.raises(Tampered):
        unseal(one[0] + two[1], key, "n/1")


@pytest.mark.promise("P6")
def test_another_key_or_name_does_not_open() -> None:
    key = crypto.new_key()
    sealed = seal(b"content", key)
    with pytest.raises(Tampered):
        unseal(sealed, crypto.new_key())
    with pytest.raises(Tampered):
        unseal(sealed, key, "kind/obj-2")


def test_a_wrapped_key_opens_under_its_master_only() -> None:
    from cryptography.hazmat.primitives.keywrap import InvalidUnwrap

    master, key = crypto.new_key(), crypto.new_key()
    assert crypto.unwrap(master, crypto.wrap(master, key)) == key
    with pytest.raises(InvalidUnwrap):
        crypto.unwrap(crypto.new_key(), crypto.wrap(master, key))
