"""Commands of de-identification: register a data set, build its versions, build a project's extract."""

from enclave.deidentify.registering import RegisterDataSet, register

__all__ = ["RegisterDataSet", "register"]
