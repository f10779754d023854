"""`enclave institution`: register institutions with the kind that somebody verified."""

from __future__ import annotations

import typer

from enclave.kernel import institutions
from enclave.kernel.errors import Invalid
from enclave.kernel.identity import system
from enclave.policy.book import current

app = typer.Typer(no_args_is_help=True, help="Institutions and their verified kinds.")
_ACTOR = system("command-line")


@app.command()
def verify(code: str, name_zh: str, name_en: str, kind: str) -> None:
    """Register an institution, or correct it; KIND is a party of the rules, such as hospital (see `kinds`)."""
    allowed = _kinds()
    if kind not in allowed:
        raise Invalid("institution_kind", kind=kind, allowed=", ".join(allowed))
    institutions.verify(_ACTOR, institutions.VerifyInstitution(code, name_zh, name_en, kind))


@app.command()
def kinds() -> None:
    """List the kinds an institution may have, each with its audience of Appendix C."""
    for code, (name, audience) in _kinds().items():
        typer.echo(f"{code:32} {audience:11} {name}")


@app.command("list")
def show() -> None:
    """List the registered institutions."""
    for row in institutions.listed():
        typer.echo(f"{row.code:12} {row.kind:32} {row.name_zh} / {row.name_en}  ({row.verified_by})")


def _kinds() -> dict[str, tuple[str, str]]:
    parties = current().words("parties").items()
    organisations = {code: entry for code, entry in parties if not entry.attributes.get("natural")}
    return {
        code: (f"{entry.zh} / {entry.en}", str(entry.attributes["audience"])) for code, entry in organisations.items()
    }
