"""Registration and de-identification of the diabetes-130 data set: seconds and peak memory."""

from __future__ import annotations

from catalog_browser import service as catalogue
from catalog_browser.views import ConfirmVariables
from enclave.cli.demonstration import data
from enclave.cli.demonstration.people import open_accounts
from enclave.deidentify.service import BuildVersions, build_versions, register
from tests.bench.places import home, peak_mb, processor_seconds, report, seconds


def work() -> None:
    """Do what a steward does: register, confirm, build both versions."""
    steward = data.person(data.STEWARD)
    registered = register(steward, data.command(data.described()[0]))
    catalogue.confirm_variables(steward, ConfirmVariables(registered.id))
    versions = build_versions(steward, BuildVersions(registered.id))
    assert {version.kind for version in versions} == {"limited", "deidentified"}
    assert all(version.rows > 90_000 for version in versions)


if __name__ == "__main__":
    with home():
        open_accounts()
        report(seconds=seconds(work), cpu=processor_seconds(), peak_mb=peak_mb())
