"""Commands and views of applications: all that pages, command line and jobs see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from request_review.forms import Problem
from request_review.history import History
from request_review.qualification import Score


@dataclass(frozen=True)
class SaveDraft:
    """Save answers of the form; without `request_id` a new draft is opened. Incomplete answers are welcome."""

    answers: Mapping[str, Any]
    request_id: str = ""
    version: int | None = None


@dataclass(frozen=True)
class Attach:
    """Attach a document to a draft; `kind` is one of the form's, the content decides its type."""

    request_id: str
    kind: str
    name: str
    content: bytes


@dataclass(frozen=True)
class Submit:
    """Submit a draft."""

    request_id: str
    version: int


@dataclass(frozen=True)
class Criterion:
    """Points 1 to 5 with a comment."""

    points: int
    comment: str


@dataclass(frozen=True)
class AssignReviewers:
    """The data manager's evaluation (four criteria), and the committee members who are to review.

    Later calls add members: after a recusal, or to settle a tie; the evaluation stands then and may be left out.
    """

    request_id: str
    version: int
    reviewers: tuple[str, ...]
    evaluation: Mapping[str, Criterion] = field(default_factory=dict)
    opinion: str = ""


@dataclass(frozen=True)
class Decline:
    """The data manager does not open the data: evaluation, reasons, clauses."""

    request_id: str
    version: int
    evaluation: Mapping[str, Criterion]
    reasons: str
    clauses: tuple[str, ...]


@dataclass(frozen=True)
class DeclareConflict:
    """Keep out of a request; a seat on its panel is given up, a review already given is struck."""

    request_id: str
    reason: str


@dataclass(frozen=True)
class Review:
    """A member's review: verdict, the expert field he speaks for, relevance, five necessity checks, two opinions."""

    request_id: str
    verdict: str
    expert_field: str
    relevant: bool
    necessity: Mapping[str, bool]
    ethics: str
    confidentiality: str
    comment: str


@dataclass(frozen=True)
class Decide:
    """The authority's decision. `columns` narrows what is granted; `epsilon` overrides the default budget."""

    request_id: str
    version: int
    approve: bool
    reasons: str
    clauses: tuple[str, ...]
    conditions: str = ""
    columns: tuple[str, ...] = ()
    epsilon: float | None = None


@dataclass(frozen=True)
class Sign:
    """Accept exactly the PDF with this SHA-256: as party A (authority), party B (applicant) or member."""

    request_id: str
    sha256: str
    accepted: bool


@dataclass(frozen=True)
class RegisterGrant:
    """Register the use and issue the grant. An empty number is made; `filing` is the superior authority's number."""

    request_id: str
    version: int
    filing: str
    registration: str = ""


@dataclass(frozen=True)
class Withdraw:
    """Take a request back."""

    request_id: str
    version: int
    reason: str


@dataclass(frozen=True)
class PersonView:
    """A person as shown on a request."""

    username: str
    display_name: str
    institution: str


@dataclass(frozen=True)
class FileView:
    """An attached document."""

    id: str
    kind: str
    kind_zh: str
    kind_en: str
    name: str
    media_type: str
    size: int
    sha256: str
    uploaded_at: datetime


@dataclass(frozen=True)
class ActionView:
    """A step the viewer's roles know: whether it may be taken now, and if not, why."""

    command: str
    zh: str
    en: str
    allowed: bool
    reason_zh: str
    reason_en: str

    def label(self, language: str) -> str:
        """Return the name of the step in `zh` or `en`."""
        return self.zh if language == "zh" else self.en

    def reason(self, language: str) -> str:
        """Return why it may not be taken, in `zh` or `en`."""
        return self.reason_zh if language == "zh" else self.reason_en


@dataclass(frozen=True)
class EvaluationView:
    """The data manager's evaluation: criterion -> points and comment."""

    criteria: Mapping[str, Criterion]
    opinion: str
    by: str
    at: str
    rules: str


@dataclass(frozen=True)
class ReviewView:
    """One seat on the panel. `content` is None until the viewer may see it; `reviewer` is empty when blinded."""

    reviewer: str
    state: str
    mine: bool
    content: Review | None
    reviewed_at: datetime | None


@dataclass(frozen=True)
class PanelView:
    """The panel: its seats, whether all reviews are in, and which of the nine fields they cover."""

    seats: tuple[ReviewView, ...]
    complete: bool
    approved: bool | None
    fields_covered: tuple[str, ...]
    fields_missing: tuple[str, ...]


@dataclass(frozen=True)
class DecisionView:
    """A decision with its reasons, clauses (id -> text in both languages) and rule versions (P8)."""

    approve: bool
    reasons: str
    clauses: Mapping[str, Mapping[str, str]]
    conditions: str
    columns: tuple[str, ...]
    by: str
    at: str
    rules: Mapping[str, str]
    history: str


@dataclass(frozen=True)
class SignatureView:
    """One acceptance of the agreement; `valid` tells that its seal holds for the stored PDF."""

    party: str
    username: str
    display_name: str
    sha256: str
    statement: str
    signed_at: datetime
    seal: str
    key: str
    valid: bool


@dataclass(frozen=True)
class AgreementView:
    """The agreement: its number, hash, template and signatures; `waiting` are user names, empty for party A."""

    number: str
    sha256: str
    size: int
    template: str
    drawn_up_at: str
    signatures: tuple[SignatureView, ...]
    waiting: tuple[str, ...]


@dataclass(frozen=True)
class CandidateView:
    """A committee member as a possible reviewer: reasons against him, and how many reviews wait for him."""

    username: str
    display_name: str
    institution: str
    title: str
    waiting: int
    conflicts_zh: tuple[str, ...]
    conflicts_en: tuple[str, ...]

    @property
    def free(self) -> bool:
        """Tell whether nothing speaks against him."""
        return not self.conflicts_zh


@dataclass(frozen=True)
class RequestLine:
    """One line of a list of requests."""

    id: str
    title: str
    applicant: str
    applicant_name: str
    institution: str
    dataset_id: str
    dataset_zh: str
    dataset_en: str
    version_kind: str
    state: str
    state_zh: str
    state_en: str
    version: int
    created_at: datetime
    submitted_at: datetime | None
    project_id: str
    todo: tuple[str, ...]  # commands that wait for the viewer

    def dataset(self, language: str) -> str:
        """Return the data set's title in `zh` or `en`."""
        return self.dataset_zh if language == "zh" else self.dataset_en

    def state_label(self, language: str) -> str:
        """Return the state's name in `zh` or `en`."""
        return self.state_zh if language == "zh" else self.state_en


@dataclass(frozen=True)
class RequestView(RequestLine):
    """Everything one request shows to one viewer; what he may not see is None or empty.

    `history_note_*` is what the applicant reads: the numbers of the check are an answer about the data.
    """

    answers: Mapping[str, Any]
    members: tuple[PersonView, ...]
    files: tuple[FileView, ...]
    problems: tuple[Problem, ...]
    score: Score | None
    history: History | None
    history_note_zh: str
    history_note_en: str
    evaluation: EvaluationView | None
    panel: PanelView | None
    decision: DecisionView | None
    agreement: AgreementView | None
    registration: str
    filing: str
    closing_reason: str
    rules: Mapping[str, str]
    rulings: Mapping[str, Mapping[str, Any]]  # what the rules said at each door, as the ledger keeps it
    actions: tuple[ActionView, ...]

    def action(self, command: str) -> ActionView:
        """Return one action; a command the viewer's roles do not know raises KeyError."""
        return {action.command: action for action in self.actions}[command]

    def may(self, command: str) -> bool:
        """Tell whether the viewer may take a step now."""
        return any(action.command == command and action.allowed for action in self.actions)

    def history_note(self, language: str) -> str:
        """Return the note on the history check in `zh` or `en`."""
        return self.history_note_zh if language == "zh" else self.history_note_en
