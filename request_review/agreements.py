"""Draws up the agreement of Appendix B as a PDF, and seals signatures over exactly that PDF."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from enclave.kernel.errors import EnclaveError
from enclave.kernel.printing import pdf
from enclave.kernel.settings import settings
from request_review.rulebook import Rules, rules


class Unfilled(EnclaveError):
    """A blank of the agreement has no value; nothing with a blank is ever signed (B-0)."""


def texts(facts: Mapping[str, Any], template: Rules | None = None) -> list[dict[str, Any]]:
    """Return the documents of the template with every blank filled, or raise `Unfilled` naming the blank."""
    template = template or rules("agreement-2")
    values = _Blanks({**template["values"], **facts})
    return [_filled(document, values) for document in template["documents"]]


class _Blanks(dict[str, Any]):
    """Values of blanks; a missing or an empty one is an error, never an empty space."""

    def __getitem__(self, name: str) -> Any:
        value = super().get(name)
        if value is None or not str(value).strip():
            raise Unfilled("request_agreement_blank", blank=name)
        return value


def _filled(document: Mapping[str, Any], values: _Blanks) -> dict[str, Any]:
    return {
        "code": document["code"],
        "title": document["title"],
        "party_names": document["party_names"],
        "signers": document["signers"],
        "preamble": document["preamble"]["zh"].format_map(values),
        "articles": [
            {
                "heading": article["heading"],
                "items": [{"n": item["n"], "zh": item["zh"].format_map(values)} for item in article["items"]],
            }
            for article in document["articles"]
        ],
    }


def funds(total: float, party_a: float, payment: str) -> str:
    """Return the sentence on money: amounts in 10,000 yuan, or an explicit none (B.1-2)."""
    values = rules("agreement-2")["values"]
    if not total:
        return str(values["funds_none"])
    parts = {"total": f"{total:g}", "party_a": f"{party_a:g}", "party_b": f"{total - party_a:g}", "payment": payment}
    return str(values["funds_some"]).format(**parts)


def render(facts: Mapping[str, Any], annex: Mapping[str, str], number: str, drawn_up: datetime) -> bytes:
    """Return the PDF. Equal input gives equal bytes, so drawing up twice cannot make two agreements."""
    template = rules("agreement-2")
    blanks = _Blanks({**template["values"], **facts})
    data = {
        "title": "　".join(document["title"] for document in template["documents"]),
        "header": "健康医疗大数据研究数据使用协议",
        "number": number,
        "party_a": blanks["party_a"],
        "party_b": blanks["party_b"],
        "party_a_address": blanks["party_a_address"],
        "party_b_address": blanks["party_b_address"],
        "documents": texts(facts, template),
        "annex": {
            "title": template["annex"]["title"],
            "rows": [{"label": name, "value": annex[code]} for code, name in template["annex"]["rows"].items()],
            "terms": template["annex"]["terms"],
        },
        "signing": template["signing"],
        "colophon": f"模版：{template['zh']}（{template.stamp}），依据 T/SHIA 8—2020 附录 B。",
    }
    return pdf(Path(__file__).with_name("agreement.typ"), data, drawn_up)


def _key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(settings().secret("agreement-seal"))


def statement(request_id: str, party: str, username: str, sha256: str, words: str, at: datetime) -> bytes:
    """Return the canonical bytes a signature seals."""
    content = {
        "request": request_id, "party": party, "username": username, "sha256": sha256, "statement": words,
        "signed_at": at.isoformat(),
    }  # fmt: skip
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def seal(content: bytes) -> tuple[str, str]:
    """Return the platform's Ed25519 signature over `content` and its public key, both in hex."""
    key = _key()
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return key.sign(content).hex(), public.hex()


def seal_holds(content: bytes, signature: str, public: str, trusted: Sequence[str] = ()) -> bool:
    """Tell whether a seal holds under a trusted key (default: the platform's own)."""
    if public not in (trusted or (seal(b"")[1],)):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(bytes.fromhex(signature), content)
    except (InvalidSignature, ValueError):
        return False
    return True


def sha256(content: bytes) -> str:
    """Return the SHA-256 of a PDF, in hex."""
    return hashlib.sha256(content).hexdigest()
