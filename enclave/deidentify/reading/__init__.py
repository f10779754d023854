"""Reads what stewards bring (delimited text, workbooks, Parquet, archives and folders of them) or says why not."""

from enclave.deidentify.reading.limits import Limits
from enclave.deidentify.reading.tables import ReadOptions, ReadTable, read_tables

__all__ = ["Limits", "ReadOptions", "ReadTable", "read_tables"]
