"""Numbers of visits link tables: they are record keys, which get pseudonyms, and never stand for the person."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalog_browser.views import VariableView
from enclave.deidentify import profiles
from enclave.deidentify.classify import ColumnFinding, TableFinding, classify, classify_all
from enclave.deidentify.names import name_kinds
from enclave.deidentify.reading import Limits, ReadOptions, ReadTable, read_tables

VISITS = [f"{n:010d}" for n in range(2024_0000, 2024_0060)]
RECORD_KEYS = ("就诊流水号", "住院流水号", "门诊流水号", "急诊流水号", "jzlsh", "ZYLSH", "就诊序号")
RECORD_NUMBERS = ("就诊号", "住院号", "门诊号", "急诊号", "病案号")


def classified(folder: Path, **columns: list[object]) -> TableFinding:
    frame = pa.table(columns)
    pq.write_table(frame, folder / "t.parquet")
    return classify(ReadTable("就诊记录", "t.parquet", folder / "t.parquet", frame.schema, frame.num_rows))


def view(column: ColumnFinding) -> VariableView:
    role, key = column.role, column.person_key
    return VariableView(
        "v", "t", column.name, 0, "text", column.kind, "", "", {}, {}, {}, role, role, key, "", "", "", 4, "", True
    )


@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, "record_key") for name in RECORD_KEYS] + [(name, "medical_record_no") for name in RECORD_NUMBERS],
)
def test_a_serial_number_of_visits_is_a_record_key_and_a_record_number_is_none(name: str, kind: str) -> None:
    assert name_kinds("t", name)[0] == kind


@pytest.mark.clause("9.1-11d")
@pytest.mark.parametrize("form", ["limited", "deidentified"])
def test_the_serial_number_of_a_visit_is_kept_as_a_pseudonym(tmp_path: Path, form: profiles.Form) -> None:
    persons: list[object] = [f"P{n // 3:04d}" for n in range(60)]
    finding = classified(tmp_path, 患者编号=persons, 就诊流水号=[*VISITS], 诊断=["E11"] * 60)
    assert finding.person_key == "患者编号"
    views = [view(column) for column in finding.columns]
    methods = {each.variable.name: each.rule.method for each in profiles.plan(profiles.load(), form, views)}
    assert methods["就诊流水号"] == "pseudonym"


def test_visits_are_not_taken_for_persons(tmp_path: Path) -> None:
    finding = classified(tmp_path, 就诊流水号=[*VISITS], 病案号=[f"{n // 3:06d}" for n in range(60)], 诊断=["E11"] * 60)
    assert finding.person_key == "病案号"


def test_it_keeps_its_leading_zeros(tmp_path: Path) -> None:
    path = tmp_path / "visits.csv"
    path.write_text("就诊流水号,诊断\n" + "".join(f"{visit},E11\n" for visit in VISITS), "utf-8")
    (tmp_path / "out").mkdir()
    (table,) = read_tables(path, tmp_path / "out", Limits(1 << 20, 1 << 20), ReadOptions())
    assert table.column("就诊流水号").to_pylist() == VISITS


@pytest.mark.promise("P6")
def test_a_table_whose_person_key_is_named_is_one_of_persons_whatever_it_looks_like(tmp_path: Path) -> None:
    frame = pa.table({"家庭": [f"J{n // 2}" for n in range(60)], "血糖": [n / 10 for n in range(60)]})
    pq.write_table(frame, tmp_path / "t.parquet")
    table = ReadTable("t", "t.parquet", tmp_path / "t.parquet", frame.schema, frame.num_rows)
    assert not classify(table).personal
    for finding in (classify(table, person_key="家庭"), *classify_all([table], person_key="家庭")):
        assert (finding.personal, finding.person_key) == (True, "家庭")
