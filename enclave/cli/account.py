"""`enclave account`: open, change and block accounts from the machine itself."""

from __future__ import annotations

import typer

from enclave.kernel import accounts, passwords
from enclave.kernel.identity import Role, system

app = typer.Typer(no_args_is_help=True, help="Accounts and roles.")
_ACTOR = system("command-line")


@app.command()
def add(username: str, name: str, institution: str, role: list[Role], title: str = "") -> None:
    """Open an account; its random password is printed once."""
    command = accounts.OpenAccount(username, name, institution, tuple(role), title)
    typer.echo(accounts.open_account(_ACTOR, command))


@app.command()
def roles(username: str, role: list[Role]) -> None:
    """Replace the roles of an account."""
    accounts.set_roles(_ACTOR, username, tuple(role))


@app.command()
def block(username: str) -> None:
    """Block an account and cut off what it has running."""
    accounts.block(_ACTOR, username)


@app.command()
def password(username: str) -> None:
    """Give an account a new random password and print it once."""
    typer.echo(passwords.renew(_ACTOR, username))


@app.command("list")
def show() -> None:
    """List accounts and their roles."""
    for account, held in accounts.listed():
        state = "" if account.active else "  (blocked)"
        typer.echo(f"{account.username:24} {account.institution:8} {', '.join(held)}{state}")
