"""Settings come from the environment; secrets are random, private and made once."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

from enclave.kernel.settings import Settings, settings


def test_a_secret_is_random_private_and_stays(home) -> None:
    first = settings().secret("master")
    assert len(first) == 32
    assert settings().secret("master") == first
    assert settings().secret("another") != first
    path = home.path / "secrets" / "master"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert sorted(p.name for p in path.parent.iterdir()) == ["another", "master"]


def test_two_homes_share_no_secret(home, tmp_path) -> None:
    assert Settings(home=tmp_path / "other").secret("master") != settings().secret("master")


def test_processes_that_need_a_secret_at_once_get_the_same(home) -> None:
    # Each used to be able to read the file between its making and its filling.
    script = "from enclave.kernel.settings import settings; print(settings().secret('master').hex())"
    running = [
        subprocess.Popen([sys.executable, "-c", script], env=dict(os.environ), stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    secrets = {process.communicate(timeout=60)[0].strip() for process in running}
    assert secrets == {settings().secret("master").hex()}


def test_a_secret_is_never_seen_half_made(home, monkeypatch) -> None:
    seen: list[bool] = []
    link = os.link

    def watching(source: str, target: object, **options: object) -> None:
        seen.append(os.path.exists(target))  # noqa: PTH110 - whatever kind of path it is
        assert len(open(source).read()) == 64  # noqa: PTH123, SIM115 - the same
        link(source, target, **options)

    monkeypatch.setattr(os, "link", watching)
    settings().secret("master")
    assert seen == [False]


def test_settings_are_named_in_the_environment(home, monkeypatch) -> None:
    monkeypatch.setenv("ENCLAVE_PORT", "9100")
    monkeypatch.setenv("ENCLAVE_DATABASE_URL", "postgresql+psycopg://somewhere/db")
    made = Settings()
    assert (made.port, made.port_base, made.public_url) == (9100, 9180, "http://127.0.0.1:9100")
    assert made.database_url == "postgresql+psycopg://somewhere/db"


def test_sqlite_in_home_is_the_default_database(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("ENCLAVE_DATABASE_URL", raising=False)
    assert Settings(home=tmp_path).database_url == f"sqlite:///{tmp_path}/db/enclave.sqlite"


def test_production_is_the_default_mode_and_nothing_secret_has_a_default() -> None:
    fields = Settings.model_fields
    assert fields["mode"].default == "production"
    assert [name for name in fields if "secret" in name and fields[name].default] == []


def test_socket_paths_stay_short(tmp_path) -> None:
    deep = Settings(home=tmp_path / ("long" * 40))
    socket = deep.run_dir / "gw" / f"{'u' * 24}--{'p' * 10}" / "gateway.sock"
    assert len(str(socket).encode()) <= 107
    assert str(socket) == str(socket).lower()
    assert deep.run_dir != Settings(home=tmp_path).run_dir
