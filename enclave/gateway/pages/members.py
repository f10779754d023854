"""The operator's list of accounts: open one, change roles, block one."""

from __future__ import annotations

import streamlit as st

from enclave.gateway import administration
from enclave.gateway.administration import AccountView
from enclave.gateway.pages import institutions
from enclave.kernel import accounts
from enclave.kernel.accounts import OpenAccount
from enclave.kernel.i18n import text
from enclave.kernel.identity import Actor, Role
from enclave.ui import components as ui
from enclave.ui import session


def page() -> None:
    """Show the accounts."""
    actor = session.actor()
    ui.heading(text("members_title"), text("members_lead"))
    found = administration.members(actor)
    ui.table(
        [text(f"members_{name}") for name in ("username", "name", "institution", "roles", "state")],
        [_row(account) for account in found],
    )
    places = administration.registered(actor)
    tabs = ["members_change", "members_open"] if actor.has(Role.OPERATOR) else []
    tabs += ["members_institutions"] if actor.has(Role.OPERATOR, Role.AUTHORITY) else []
    shown = dict(zip(tabs, st.tabs([text(tab) for tab in tabs]) if tabs else [], strict=True))
    for tab, place in shown.items():
        with place:
            if tab == "members_change":
                _change(actor, {account.username: account for account in found})
            elif tab == "members_open":
                _open(actor, {each.code: session.pick(each, "name") for each in places})
            else:
                institutions.show(actor, places)


def _row(account: AccountView) -> tuple[object, ...]:
    state = ui.Cell(text("members_active"), "good") if account.active else ui.Cell(text("members_blocked"), "bad")
    roles = " · ".join(role_name(role) for role in account.roles)
    return account.username, account.display_name, ui.place(account.institution), roles, state


def role_name(role: Role) -> str:
    """Return a role's name."""
    return ui.code_name("person", role)


def _change(actor: Actor, found: dict[str, AccountView]) -> None:
    names = {name: f"{account.display_name}（{name}）" for name, account in found.items()}
    account = found[ui.choice(text("members_account"), names, key="members_account")]
    roles = st.multiselect(
        text("members_roles"),
        list(Role),
        default=list(account.roles),
        format_func=role_name,
        key=f"roles-{account.username}",
        placeholder=text("ui_choose"),
        select_all=False,
    )
    with st.container(horizontal=True):
        if st.button(text("members_set_roles"), type="primary"):
            with ui.guarded():
                accounts.set_roles(actor, account.username, tuple(roles))
                ui.flash(text("members_roles_set", name=account.display_name))
                st.rerun()
        if account.active:
            _block(actor, account)


def _block(actor: Actor, account: AccountView) -> None:
    with st.popover(text("members_block")):
        st.markdown(text("members_block_warning", name=ui.md(account.display_name)))
        if st.button(text("members_block_sure"), type="primary", key=f"block-{account.username}"):
            with ui.guarded():
                accounts.block(actor, account.username)
                ui.flash(text("members_is_blocked", name=account.display_name))
                st.rerun()


def _open(actor: Actor, places: dict[str, str]) -> None:
    if not places:
        ui.notice(text("members_no_institution"), "warn")
        return
    with st.form("open-account", border=False):
        username = st.text_input(text("members_username"), help=text("members_username_hint"), max_chars=24) or ""
        name = st.text_input(text("members_name"), max_chars=60) or ""
        institution = ui.choice(text("members_institution"), places, key="open-institution")
        title = st.text_input(text("members_post"), max_chars=60) or ""
        roles = st.multiselect(
            text("members_roles"), list(Role), format_func=role_name, placeholder=text("ui_choose"), key="open-roles",
            select_all=False,
        )  # fmt: skip
        if st.form_submit_button(text("members_open"), type="primary"):
            with ui.guarded():
                command = OpenAccount(username.strip(), name.strip(), institution, tuple(roles), title.strip())
                password = accounts.open_account(actor, command)
                ui.notice(text("members_opened", username=command.username), "good")
                st.code(password, language=None)
