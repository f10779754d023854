"""Registers a data set: fetched, read, classified, its persons numbered, stored as a draft, whole or not at all."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import urllib3
from minio.error import S3Error

from catalog_browser import service as catalogue
from catalog_browser.learned import decisions
from catalog_browser.views import AddDataSet, AddVersion, DataSetDetail, FileRef, TableRef, Texts, VariableSpec
from enclave.deidentify import learned
from enclave.deidentify.classify import ColumnFinding, TableFinding, classify_all
from enclave.deidentify.evidence import dtype_name
from enclave.deidentify.names import expected_values
from enclave.deidentify.persons import number_persons, write_with_persons
from enclave.deidentify.reading import Limits, ReadOptions, ReadTable, read_tables
from enclave.deidentify.reading.headers import PERSON
from enclave.deidentify.reading.limits import CHUNK
from enclave.deidentify.reading.tables import files_of, shown_name
from enclave.kernel import storage
from enclave.kernel.db import reading
from enclave.kernel.errors import Conflict, Invalid, NotFound, Refused, Unavailable
from enclave.kernel.identity import Actor, Role, roles_of
from enclave.kernel.settings import settings
from enclave.kernel.unit import unit_of_work
from enclave.policy import levels


@dataclass(frozen=True)
class RegisterDataSet:
    """What a steward says of a file, folder or `s3://bucket/key` to be registered.

    `labels` and `codes` are by column name, or by "table.column" where a name means different things:
    `{"sex": {"zh": ..., "en": ...}}` and `{"sex": {"1": {"zh": ..., "en": ...}}}`. `category` and `level`
    are proposed from the columns where they are not given; a level below them is refused. `persons=False`
    declares that no row is about a person; nothing else but a plain code list is taken to be so. `person_key`
    is the column that tells persons apart, where the one proposed is not it. `indicators` name health statistical
    indicators by column, each with code and definition (2-6); `origin` is the scenario the data come from.
    """

    slug: str
    texts: Texts
    controller: str
    path: Path | None = None
    s3_url: str = ""
    system: str = ""
    category: str = ""
    level: int = 0
    audience: str = "public"
    jurisdiction: str = "510000"
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    codes: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)
    indicators: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    origin: str = ""
    persons: bool | None = None
    person_key: str = ""
    encoding: str = ""
    text_columns: tuple[str, ...] = ()
    missing_marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Stored:
    tables: tuple[TableRef, ...]
    files: tuple[FileRef, ...]
    rows: int
    persons: int


def register(actor: Actor, command: RegisterDataSet) -> DataSetDetail:
    """Register a data set as a draft. Raises Invalid `ingest_*` for what cannot be read; then nothing is left."""
    _check_may_register(actor, command)
    with tempfile.TemporaryDirectory(prefix="register-", dir=settings().folder("spool")) as name:
        folder = Path(name)
        with _source(command, folder) as path:
            tables = read_tables(path, _made(folder / "tables"), Limits.configured(), _options(command))
            _check_person_key(command, tables)
            found = classify_all(tables, personal=command.persons, person_key=command.person_key)
            findings = learned.proposed(found, decisions())
            _check_without_persons(command, findings)
            stored = _store(path, tables, findings, _made(folder / "stored"))
    return _commit(actor, command, tables, findings, stored)


def _check_may_register(actor: Actor, command: RegisterDataSet) -> None:
    """Refuse early what the commit would refuse after minutes of work; the commit asks again."""
    with reading() as session:
        if not actor.system and Role.STEWARD not in roles_of(session, actor.username):
            raise Refused("forbidden", roles=Role.STEWARD)
    if (command.path is None) == (not command.s3_url):
        raise Invalid("ingest_one_source")
    try:
        catalogue.get(actor, command.slug)
    except NotFound:
        return
    raise Conflict("catalog_slug_taken", slug=command.slug)


def _check_person_key(command: RegisterDataSet, tables: Sequence[ReadTable]) -> None:
    if command.person_key and not any(command.person_key in table.schema.names for table in tables):
        raise Invalid("ingest_no_such_column", file=tables[0].file, column=command.person_key)


def _check_without_persons(command: RegisterDataSet, findings: Sequence[TableFinding]) -> None:
    """Refuse the word that no row is about a person where identity numbers or the like say otherwise (P6)."""
    direct = [column.name for finding in findings for column in finding.columns if column.role == "direct"]
    if command.persons is False and direct:
        raise Refused("ingest_persons_found", columns=", ".join(direct), clauses=("4.1-T1-L1a",))


def _options(command: RegisterDataSet) -> ReadOptions:
    return ReadOptions(command.encoding, frozenset(command.text_columns), command.missing_marks, expected_values)


@contextmanager
def _source(command: RegisterDataSet, folder: Path) -> Iterator[Path]:
    """Give the file or folder to read; what S3 holds is fetched first, up to the limit and not a byte beyond."""
    if command.path is not None:
        yield command.path
        return
    scheme, _, rest = command.s3_url.partition("://")
    bucket, _, key = rest.partition("/")
    name = PurePosixPath(key).name
    if scheme != "s3" or not bucket or not name:
        raise Invalid("ingest_bad_url", url=command.s3_url)
    target = _made(folder / "fetched") / name
    _fetch(bucket, key, target, settings().upload_limit_bytes)
    yield target


def _fetch(bucket: str, key: str, target: Path, limit: int) -> None:
    try:
        answer = storage.client().get_object(bucket, key)
    except S3Error as error:
        if error.code in ("NoSuchKey", "NoSuchBucket"):
            raise Invalid("ingest_no_such_file", file=target.name) from error
        raise Unavailable("store_unavailable") from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise Unavailable("store_unavailable") from error
    try:
        with target.open("wb") as file:
            for chunk in answer.stream(CHUNK):
                file.write(chunk)
                if file.tell() > limit:
                    raise Invalid("ingest_too_large", file=target.name, size=file.tell(), limit=limit)
    finally:
        answer.close()
        answer.release_conn()


def _store(path: Path, tables: Sequence[ReadTable], findings: Sequence[TableFinding], folder: Path) -> _Stored:
    """Put the original and the tables into the store, sealed; nothing counts until a unit of work keeps it."""
    persons, count = number_persons(tables, {finding.name: finding for finding in findings})
    references = []
    for position, table in enumerate(tables):
        target = folder / f"{position:04d}.parquet"
        write_with_persons(table, persons.get(table.name), target)
        entry = storage.put(target, "table")
        target.unlink()
        hidden = [PERSON] if table.name in persons else []
        references.append(TableRef(table.name, entry.key, entry.sha256, table.rows, (*table.schema.names, *hidden)))
    files = []
    for original in files_of(path):
        entry = storage.put(original, "original")
        relative = original.relative_to(path).as_posix() if path.is_dir() else original.name
        files.append(FileRef(shown_name(relative), entry.key, entry.sha256, entry.size))
    return _Stored(tuple(references), tuple(files), sum(table.rows for table in tables), count)


def _commit(
    actor: Actor,
    command: RegisterDataSet,
    tables: Sequence[ReadTable],
    findings: Sequence[TableFinding],
    stored: _Stored,
) -> DataSetDetail:
    columns = [column for finding in findings for column in finding.columns]
    grade = _grade(findings)
    with unit_of_work(actor) as unit:
        added = catalogue.add_data_set(
            actor,
            AddDataSet(
                slug=command.slug,
                texts=command.texts,
                controller=command.controller,
                category=command.category or _category(columns),
                level=max(command.level or grade.level, 1),
                level_reason_zh=grade.zh,
                level_reason_en=grade.en,
                variables=tuple(_variables(command, tables, findings)),
                system=command.system,
                origin=command.origin,
                jurisdiction=command.jurisdiction,
                audience=command.audience,
            ),
        )
        catalogue.add_version(actor, _source_version(added.id, stored, columns, grade))
        unit.record(
            "dataset.register",
            added.id,
            clauses=("4.1-0", "4.2-0", grade.clause),
            tables=len(tables),
            rows=stored.rows,
            persons=stored.persons,
            sha256=[file.sha256 for file in stored.files],
        )
    return catalogue.get(actor, added.id)


def _source_version(
    dataset_id: str, stored: _Stored, columns: Sequence[ColumnFinding], grade: levels.Grade
) -> AddVersion:
    return AddVersion(
        dataset_id=dataset_id,
        kind="source",
        level=grade.level,
        identifiability="identifiable",
        rows=stored.rows,
        persons=stored.persons,
        tables=stored.tables,
        files=stored.files,
        profile={"roles": dict(Counter(column.role for column in columns))},
    )


def _grade(findings: Sequence[TableFinding]) -> levels.Grade:
    columns = [column for finding in findings if finding.personal for column in finding.columns]
    grades = [levels.column_grade(column.role, column.kind, column.topics) for column in columns]
    return levels.data_set_grade(grades, {column.role for column in columns}, persons=bool(columns))


def _category(columns: Sequence[ColumnFinding]) -> str:
    """Return the category most columns belong to; attributes of the person come with every data set."""
    counted = Counter(column.category for column in columns if column.category != "personal_attribute")
    return counted.most_common(1)[0][0] if counted else "personal_attribute"


def _variables(
    command: RegisterDataSet, tables: Sequence[ReadTable], findings: Sequence[TableFinding]
) -> Iterator[VariableSpec]:
    for table, finding in zip(tables, findings, strict=True):
        for position, column in enumerate(finding.columns):
            exact = f"{table.name}.{column.name}"
            label = command.labels.get(exact) or command.labels.get(column.name) or {}
            yield VariableSpec(
                table=table.name,
                name=column.name,
                position=position,
                dtype=dtype_name(table.schema.field(position).type),
                kind=column.kind,
                role=column.role,
                level=column.level,
                category=column.category,
                person_key=column.person_key,
                reason_zh=column.reason_zh,
                reason_en=column.reason_en,
                clause=column.clause,
                label_zh=label.get("zh", ""),
                label_en=label.get("en", ""),
                codes=command.codes.get(exact) or command.codes.get(column.name) or {},
                indicator=command.indicators.get(exact) or command.indicators.get(column.name) or {},
                facts=column.facts,
            )


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o700)
    return folder
