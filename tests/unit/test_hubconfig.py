"""What the hub and its parts are told: the same settings everywhere, and the least rights for each."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from enclave.gateway import hubconfig, supervisor
from enclave.kernel.settings import Settings, settings


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ENCLAVE_HOME", str(tmp_path))
    settings.cache_clear()
    return tmp_path


def test_what_stands_in_the_settings_file_reaches_every_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "enclave.env").write_text("ENCLAVE_DATABASE_URL=postgresql://there/db\nENCLAVE_S3_SECURE=false\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(Settings.model_config, "env_file", "enclave.env")
    told = supervisor._environment(Settings(), "hub")
    for name in [name for name in told if name.startswith("ENCLAVE_")]:
        monkeypatch.setenv(name, told[name])
    elsewhere = tmp_path / "hub"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    found = Settings()
    assert (found.database_url, found.s3_secure, found.home) == ("postgresql://there/db", False, tmp_path)
    assert hubconfig.environment("worker")["ENCLAVE_DATABASE_URL"] == "postgresql://there/db"
    assert hubconfig.environment("worker")["ENCLAVE_PART"] == "worker"


def test_a_part_is_told_who_started_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENCLAVE_PARENT", "1")  # whoever started the hub
    assert hubconfig.environment("worker")["ENCLAVE_PARENT"] == str(os.getpid())


def test_a_part_gets_nothing_else_of_the_hubs_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    assert "AWS_SECRET_ACCESS_KEY" not in hubconfig.environment("worker")


def test_only_the_worker_has_rights_of_its_own_and_they_are_few() -> None:
    roles = {role["name"]: role for role in hubconfig.roles()}
    assert {name for role in roles.values() for name in role.get("services", ())} == {"worker"}
    assert set(roles["enclave-worker"]["scopes"]) == {"list:users", "read:servers", "delete:servers"}
    assert not [s for s in roles["user"]["scopes"] if s.startswith(("admin", "tokens", "self", "groups", "shares"))]
    assert all("!user" in s or "!service=" in s for s in roles["user"]["scopes"])


def test_every_token_is_another_and_none_is_a_default(home: Path) -> None:
    tokens = [service["api_token"] for service in hubconfig.services()]
    assert len(set(tokens)) == 4
    assert all(len(token) == 64 for token in tokens)
    assert {path.stat().st_mode & 0o777 for path in (home / "secrets").iterdir()} == {0o600}


def test_the_front_door_leads_by_who_asks() -> None:
    assert hubconfig.landing(SimpleNamespace(current_user=None)) == "/services/catalogue/"
    assert hubconfig.landing(SimpleNamespace(current_user="li")) == "/services/workbench/"
