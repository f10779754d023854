"""Scores an applicant: points by the rubric, each with its evidence; minimums refuse, points only advise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from enclave.kernel.i18n import text
from enclave.kernel.identity import Role
from request_review.checks import Context
from request_review.forms import day, fields
from request_review.rulebook import rules

Points = tuple[int, str, dict[str, Any]]  # points, code of the evidence text, its facts


@dataclass(frozen=True)
class ScoreLine:
    """One line of the rubric. `failed` tells that a minimum is not met."""

    code: str
    zh: str
    en: str
    points: int
    most: int
    minimum: int
    failed: bool
    evidence_zh: str
    evidence_en: str
    clauses: tuple[str, ...]

    def label(self, language: str) -> str:
        """Return the criterion in `zh` or `en`."""
        return self.zh if language == "zh" else self.en

    def evidence(self, language: str) -> str:
        """Return what the points rest on in `zh` or `en`."""
        return self.evidence_zh if language == "zh" else self.evidence_en


@dataclass(frozen=True)
class Score:
    """All lines, their sum, the mark that advises the committee, and the version of the rubric."""

    lines: tuple[ScoreLine, ...]
    total: int
    most: int
    pass_mark: int
    rules: str

    @property
    def failed(self) -> tuple[ScoreLine, ...]:
        """Return the lines whose minimum is not met: any one refuses the submission."""
        return tuple(line for line in self.lines if line.failed)

    @property
    def eligible(self) -> bool:
        """Tell whether every minimum is met."""
        return not self.failed

    @property
    def passed(self) -> bool:
        """Tell whether the points reach the mark; below it the committee decides with open eyes."""
        return self.eligible and self.total >= self.pass_mark


def score(answers: Mapping[str, Any], context: Context) -> Score:
    """Score the applicant for the kind of version asked for; no kind counts as the strictest."""
    rubric = rules("qualification")
    kind = answers.get("version_kind") or "limited"
    lines = tuple(_line(item, kind, answers, context) for item in rubric["items"])
    return Score(
        lines=lines,
        total=sum(line.points for line in lines),
        most=sum(line.most for line in lines),
        pass_mark=rubric["pass_mark"][kind],
        rules=rubric.stamp,
    )


def _line(item: Mapping[str, Any], kind: str, answers: Mapping[str, Any], context: Context) -> ScoreLine:
    points, code, facts = _EVIDENCE[item["code"]](item, answers, context)
    points = min(points, item["max"])
    minimum = _minimum(item, kind, answers)
    return ScoreLine(
        code=item["code"],
        zh=item["zh"],
        en=item["en"],
        points=points,
        most=item["max"],
        minimum=minimum,
        failed=points < minimum,
        evidence_zh=text(code, "zh", **facts),
        evidence_en=text(code, "en", **facts),
        clauses=tuple(item["clauses"]),
    )


def _minimum(item: Mapping[str, Any], kind: str, answers: Mapping[str, Any]) -> int:
    minimum = item.get("minimum")
    if minimum is None or kind not in minimum["kinds"]:
        return 0
    # An answer left open must not escape a minimum: only a different answer does.
    spared = any(
        answers.get(name) and answers[name] not in values for name, values in minimum.get("only_for", {}).items()
    )
    return 0 if spared else int(minimum["points"])


def _option(code: str, answers: Mapping[str, Any]) -> dict[str, str]:
    options, value = fields()[code].options or {}, answers.get(code, "")
    return {f"value_{language}": options[value][language] if value in options else "—" for language in ("zh", "en")}


def _researcher(item: Mapping[str, Any], _answers: Mapping[str, Any], context: Context) -> Points:
    person = context.people.get(context.applicant)
    verified = person is not None and person.active and Role.RESEARCHER in person.roles
    names = {f"institution_{language}": person.place(language) if person else "—" for language in ("zh", "en")}
    return (item["max"] if verified else 0), "request_evidence_researcher", names


def _project(item: Mapping[str, Any], answers: Mapping[str, Any], context: Context) -> Points:
    ends = day(answers, "project_ends_on")
    running = bool(answers.get("project_number")) and ends is not None and ends >= context.today
    points = item["points"].get(answers.get("project_grade", ""), 0) if running else 0
    facts = {"number": answers.get("project_number") or "—", "until": ends or "—", **_option("project_grade", answers)}
    return points, "request_evidence_project" if running else "request_evidence_project_over", facts


def _title(item: Mapping[str, Any], answers: Mapping[str, Any], _context: Context) -> Points:
    points = item["points"].get(answers.get("professional_title", ""), 0)
    return points, "request_evidence_title", _option("professional_title", answers)


def _publications(item: Mapping[str, Any], answers: Mapping[str, Any], context: Context) -> Points:
    span = rules("qualification")["publication_years"]
    years = [entry["year"] for entry in answers.get("publications", [])]
    recent = sum(1 for year in years if context.today.year - span <= year <= context.today.year)
    return recent * item["each"], "request_evidence_publications", {"recent": recent, "all": len(years), "years": span}


def _credit(item: Mapping[str, Any], answers: Mapping[str, Any], context: Context) -> Points:
    grades = [answers.get(code) or "unknown" for code in ("credit_person", "credit_organisation")]
    until = day(answers, "credit_expires_on")
    facts = {"issuer": answers.get("credit_issuer") or "—", "until": until or "—"}
    facts |= {f"person_{k[6:]}": v for k, v in _option("credit_person", answers).items()}
    facts |= {f"unit_{k[6:]}": v for k, v in _option("credit_organisation", answers).items()}
    current = until is not None and until >= context.today
    if not current or any(grade not in ("A", "unknown") for grade in grades):  # one known grade below A fails (D19)
        return 0, "request_evidence_credit", facts
    return grades.count("A") * item["max"] // 2, "request_evidence_credit", facts


def _organisation(item: Mapping[str, Any], answers: Mapping[str, Any], context: Context) -> Points:
    asked = (
        "requesting_unit",
        "organisation_opinion",
        "organisation_head",
        "organisation_signed",
        "organisation_sealed",
    )
    given = [bool(answers.get(code)) for code in asked]
    sheet = "institution_approval" in context.files
    facts = {"unit": answers.get("requesting_unit") or "—", "given": sum(given) + sheet, "all": len(given) + 1}
    return (item["max"] if all(given) and sheet else 0), "request_evidence_organisation", facts


def _nonprofit(item: Mapping[str, Any], answers: Mapping[str, Any], _context: Context) -> Points:
    declared = answers.get("nonprofit") is True and bool(answers.get("purpose_kind"))
    return (item["max"] if declared else 0), "request_evidence_nonprofit", _option("purpose_kind", answers)


def _ethics(item: Mapping[str, Any], answers: Mapping[str, Any], context: Context) -> Points:
    until, start = day(answers, "ethics_expires_on"), day(answers, "starts_on") or context.today
    approved = bool(answers.get("ethics_number")) and bool(answers.get("ethics_board"))
    current = approved and until is not None and until >= max(start, context.today)
    paper = "ethics_approval" in context.files
    facts = {"number": answers.get("ethics_number") or "—", "board": answers.get("ethics_board") or "—"}
    code = "request_evidence_ethics_paper" if paper else "request_evidence_ethics"
    points = (item["max"] if paper else item["max"] - 2) if current else 0
    return points, code, facts | {"until": until or "—"}


_EVIDENCE: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any], Context], Points]] = {
    "researcher": _researcher,
    "project": _project,
    "title": _title,
    "publications": _publications,
    "credit": _credit,
    "organisation": _organisation,
    "nonprofit": _nonprofit,
    "ethics": _ethics,
}
