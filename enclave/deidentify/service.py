"""Commands of de-identification: register a data set, build its versions."""

from enclave.deidentify.registering import RegisterDataSet, register
from enclave.deidentify.versions import BuildVersions, build_versions

__all__ = ["BuildVersions", "RegisterDataSet", "build_versions", "register"]
