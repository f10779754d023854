"""Whether the rows of a table are about persons; what is not plainly something else counts as persons (P6)."""

from __future__ import annotations

from collections.abc import Mapping

from enclave.deidentify.evidence import Evidence
from enclave.deidentify.guess import Guess
from enclave.deidentify.names import institution_words, is_institution_table, is_person_table, kinds

# Kinds that only rows about persons have.
PERSONAL = frozenset(
    "person_key person_name contact_name national_id medical_record_no health_card_no insurance_no sex birth_date "
    "birth_year birth_part age ethnicity marital_status occupation body_measure death_date duration".split()
)
CODE_LONGEST = 12


def is_personal(table: str, guesses: Mapping[str, Guess], evidence: Mapping[str, Evidence], *, alone: bool) -> bool:
    """Tell whether a table's rows are about persons. `alone` says that the data set has no other table."""
    found = {guess.kind for guess in guesses.values()}
    if any(guess.proves_person for guess in guesses.values()):
        return True
    if _is_of_institutions(table, found, guesses, evidence):
        return False
    if is_person_table(table) or found & PERSONAL:
        return True
    if not alone:
        return bool(found & {"record_key", "phone", "email", "address", "account", "coordinates"})
    return not _is_code_list(guesses, evidence)


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


def _is_code_list(guesses: Mapping[str, Guess], evidence: Mapping[str, Evidence]) -> bool:
    """Tell whether a table is a dictionary: short codes, one for each row, and a wording for them."""
    if len(evidence) > 6 or any(seen.is_date for seen in evidence.values()):
        return False
    if any(
        kinds()[guess.kind].role == "direct" and guess.kind not in ("identifier", "record_key")
        for guess in guesses.values()
    ):
        return False
    keys = [name for name, seen in evidence.items() if seen.uniqueness == 1.0 and not seen.missing and _is_short(seen)]
    return any(_is_wording(seen) for name, seen in evidence.items() if name != (keys[0] if keys else name))


def _is_short(evidence: Evidence) -> bool:
    return max((len(value) for value in evidence.sample), default=0) <= CODE_LONGEST


def _is_wording(evidence: Evidence) -> bool:
    return evidence.is_text and evidence.uniqueness >= 0.5 and evidence.share(str.isdigit) == 0
