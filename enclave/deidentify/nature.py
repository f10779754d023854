"""Whether the rows of a table are about persons; what is not plainly something else counts as persons (P6)."""

from __future__ import annotations

from collections.abc import Mapping

from enclave.deidentify.evidence import Evidence
from enclave.deidentify.guess import Guess
from enclave.deidentify.names import (
    institution_words,
    is_code,
    is_institution_table,
    is_person_table,
    is_reference_table,
    is_total,
    kinds,
)

# Kinds that only rows about persons have.
PERSONAL = frozenset(
    "person_key person_name contact_name national_id medical_record_no health_card_no insurance_no sex birth_date "
    "birth_year birth_part age ethnicity marital_status occupation body_measure death_date duration".split()
)
CODE_LONGEST = 12
TOTAL = 1000  # a count of one person's doings is smaller


def is_personal(table: str, guesses: Mapping[str, Guess], evidence: Mapping[str, Evidence], *, alone: bool) -> bool:
    """Tell whether a table's rows are about persons. `alone` says that the data set has no other table."""
    found = {guess.kind for guess in guesses.values()}
    if any(guess.proves_person for guess in guesses.values()):
        return True
    if _is_of_institutions(table, found, guesses, evidence):
        return False
    if is_person_table(table) or found & PERSONAL:
        return True
    if is_reference_table(table):
        return False
    if not alone and any(_is_wording(seen) for seen in evidence.values()):
        return bool(found & {"record_key", "phone", "email", "address", "account", "coordinates"})
    return not (_is_code_list(guesses, evidence) or _is_statistics(guesses, evidence))


def _is_of_institutions(
    table: str, found: set[str], guesses: Mapping[str, Guess], evidence: Mapping[str, Evidence]
) -> bool:
    """Tell whether every row is a hospital, payer or the like: its name says so and nothing is about a person."""
    if is_person_table(table) or found & (PERSONAL - {"person_name", "insurance_no"}):
        return False
    if is_institution_table(table):
        return True
    pattern = institution_words()
    named = [evidence[name] for name, guess in guesses.items() if guess.kind in _NAMES_OF_INSTITUTIONS]
    return any(seen.is_text and seen.uniqueness >= 0.9 and seen.share(pattern.search) >= 0.4 for seen in named)


_NAMES_OF_INSTITUTIONS = ("text", "code", "identifier", "person_name", "facility", "payer")


def _is_statistics(guesses: Mapping[str, Guess], evidence: Mapping[str, Evidence]) -> bool:
    """Tell whether a table counts persons by some category: a wording for each row, and numbers no person has."""
    if any(seen.is_date for seen in evidence.values()) or _names_somebody(guesses):
        return False
    counted = any(is_total(name) and seen.is_number and seen.high >= TOTAL for name, seen in evidence.items())
    return counted and any(_is_wording(seen) and seen.uniqueness >= 0.99 for seen in evidence.values())


def _names_somebody(guesses: Mapping[str, Guess]) -> bool:
    """Tell whether a column identifies, other than by having a value of its own in each row."""
    direct = {guess.kind for guess in guesses.values() if kinds()[guess.kind].role == "direct"}
    return bool(direct - {"identifier", "record_key"})


def _is_code_list(guesses: Mapping[str, Guess], evidence: Mapping[str, Evidence]) -> bool:
    """Tell whether a table is a dictionary: short codes, one for each row or said to be codes, and their wording."""
    if len(evidence) > 6 or any(seen.is_date for seen in evidence.values()) or _names_somebody(guesses):
        return False
    coded = any(is_code(name) and _is_short(seen) for name, seen in evidence.items())
    if coded and any(
        _is_wording(seen) and seen.uniqueness >= 0.9 and guesses[name].kind == "identifier"
        for name, seen in evidence.items()
    ):
        return True
    keys = [name for name, seen in evidence.items() if seen.uniqueness == 1.0 and not seen.missing and _is_short(seen)]
    return any(_is_wording(seen) for name, seen in evidence.items() if name != (keys[0] if keys else name))


def _is_short(evidence: Evidence) -> bool:
    return max((len(value) for value in evidence.sample), default=0) <= CODE_LONGEST


def _is_wording(evidence: Evidence) -> bool:
    return evidence.is_text and evidence.uniqueness >= 0.5 and evidence.share(str.isdigit) == 0
