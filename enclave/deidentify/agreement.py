"""Whether values agree with what a name suggests: a column called "phone" that holds yes and no is no phone."""

from __future__ import annotations

import re
from collections.abc import Callable

from enclave.deidentify.evidence import Evidence

_DIGITS = re.compile(r"\D*(\d\D*){6,}")


def agrees(kind: str, evidence: Evidence) -> bool:
    """Tell whether a column's values may be of `kind`; a column without values agrees with everything."""
    return evidence.present == 0 or _TESTS.get(kind, _anything)(evidence)


def _anything(_evidence: Evidence) -> bool:
    return True


def _is_identifier(evidence: Evidence) -> bool:
    """Numbers and codes: neither dates, nor fractions, nor yes and no."""
    return not evidence.is_date and (evidence.is_text or evidence.whole)


def _is_number_of_somebody(evidence: Evidence) -> bool:
    return _is_identifier(evidence) and (evidence.distinct > 20 or evidence.uniqueness > 0.2)


def _is_name(evidence: Evidence) -> bool:
    return evidence.is_text and evidence.mean_length <= 40 and evidence.share(str.isdigit) < 0.2


def _is_person_name(evidence: Evidence) -> bool:
    """A name, and no list of surnames: those of many persons recur, those of a list do not."""
    listed = evidence.distinct > 50 and evidence.uniqueness > 0.99 and evidence.longest <= 2
    return _is_name(evidence) and not (listed and evidence.share(lambda value: len(value.strip()) == 1) > 0.5)


def _is_phone(evidence: Evidence) -> bool:
    return _is_identifier(evidence) and evidence.share(_DIGITS.match) >= 0.5


def _is_age(evidence: Evidence) -> bool:
    return (evidence.is_number and evidence.low >= 0 and evidence.high <= 2000) or (
        evidence.is_text and evidence.distinct <= 300
    )


def _is_year(evidence: Evidence) -> bool:
    """A year, or a part of one."""
    if not evidence.is_number:
        return evidence.is_text
    part = evidence.whole and evidence.low >= 0 and evidence.high <= 53  # a quarter, month or week, or a year cut short
    return bool(part or (evidence.low >= 1800 and evidence.high <= 2200))


def _is_few(evidence: Evidence) -> bool:
    return evidence.distinct <= 100 and not evidence.is_date


def _is_date(evidence: Evidence) -> bool:
    return evidence.is_date


def _is_number(evidence: Evidence) -> bool:
    return evidence.is_number


def _is_amount(evidence: Evidence) -> bool:
    """A measure: a number, or bands of it."""
    return evidence.is_number or (evidence.is_text and evidence.distinct <= 100)


def _is_text(evidence: Evidence) -> bool:
    return evidence.is_text


def _is_free(evidence: Evidence) -> bool:
    return evidence.is_text and (evidence.distinct > 50 or evidence.mean_length > 20)


def _is_place(evidence: Evidence) -> bool:
    return not evidence.is_date and not (evidence.dtype == "number" and not evidence.whole)


_TESTS: dict[str, Callable[[Evidence], bool]] = {
    **dict.fromkeys(("person_key", "record_key", "staff_key"), _is_identifier),
    **dict.fromkeys(
        ("national_id", "medical_record_no", "order_no", "health_card_no", "insurance_no", "bank_card"), _is_identifier
    ),
    **dict.fromkeys(("contact_name", "staff_name"), _is_name),
    **dict.fromkeys(("birth_date", "death_date", "date"), _is_date),
    **dict.fromkeys(("region", "postcode", "place", "facility", "department", "payer"), _is_place),
    **dict.fromkeys(("cost", "weight", "duration", "coordinates"), _is_number),
    **dict.fromkeys(("sex", "blood_type", "marital_status"), _is_few),
    **dict.fromkeys(("birth_year", "year"), _is_year),
    "person_name": _is_person_name,
    "phone": _is_phone,
    "email": _is_text,
    "account": _is_text,
    "address": _is_text,
    "employer": _is_text,
    "age": _is_age,
    "body_measure": _is_amount,
    "count": _is_amount,
    "free_text": _is_free,
}
