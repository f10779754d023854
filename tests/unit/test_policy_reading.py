"""Bad rule files: refused with file, line and reason, all faults at once, and the platform does not start on them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from enclave.policy import InvalidRules, check_rules
from enclave.policy.book import FOLDER, current, read_book

RULE = """
  - id: extra
    doors: [mount]
    when: {scenario: 10.4.2}
    effect: deny
    clauses: [4.1-0]
    zh: 附加
    en: extra
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the rule files that a test may break."""
    return Path(shutil.copytree(FOLDER, tmp_path / "policy", ignore=shutil.ignore_patterns("*.py", "__pycache__")))


def faults(folder: Path) -> list[tuple[str, int, str]]:
    with pytest.raises(InvalidRules) as refused:
        check_rules(folder)
    error = refused.value
    assert error.code == "policy_rules_invalid" and error.facts["file"] and error.facts["line"] >= 1
    for fault in error.faults:
        assert fault.sentence("zh").startswith(f"{fault.file}:{fault.line}: ") and "{" not in fault.sentence("zh")
        assert fault.sentence("en") != fault.sentence("zh") and "{" not in fault.sentence("en")
        assert fault.sentence("en") in error.message("en") and fault.sentence("zh") in error.message("zh")
    return [(fault.file, fault.line, fault.code) for fault in error.faults]


def replace_in(path: Path, old: str, new: str) -> int:
    """Replace the first occurrence and return its line."""
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def add_rule(folder: Path, rule: str) -> int:
    """Append a rule to a file and return the line it begins on."""
    path = folder / "rules" / "enclave.yaml"
    before = path.read_text("utf-8")
    path.write_text(before.rstrip("\n") + rule, encoding="utf-8")
    return before.rstrip("\n").count("\n") + 2


def test_the_project_s_own_rules_hold(folder: Path) -> None:
    assert check_rules() == check_rules(folder) == current().version


def test_any_change_of_a_rule_is_another_version(folder: Path) -> None:
    replace_in(folder / "rules" / "enclave.yaml", "en: no grant is valid at this moment", "en: no grant now")
    assert check_rules(folder) != current().version


def test_an_unknown_degree(folder: Path) -> None:
    line = replace_in(folder / "vocab" / "catalogue.csv", "none,deidentified,agreement", "none,half,agreement")
    assert faults(folder) == [("catalogue.csv", line, "policy_fault_degree")]


def test_the_joined_degree_is_no_cell_of_the_appendix(folder: Path) -> None:
    line = replace_in(
        folder / "vocab" / "catalogue.csv", "none,deidentified,agreement", "none,deidentified_agreement,agreement"
    )
    assert faults(folder) == [("catalogue.csv", line, "policy_fault_degree")]


def test_a_row_with_a_cell_too_few_and_a_strange_header(folder: Path) -> None:
    line = replace_in(folder / "vocab" / "catalogue.csv", "none,deidentified,agreement", "none,deidentified")
    assert ("catalogue.csv", line, "policy_fault_row_length") in faults(folder)
    replace_in(folder / "vocab" / "catalogue.csv", "system,system_zh", "system_zh,system")
    assert ("catalogue.csv", 1, "policy_fault_header") in faults(folder)


def test_the_same_row_twice_with_other_degrees(folder: Path) -> None:
    path = folder / "vocab" / "catalogue.csv"
    first = path.read_text("utf-8").splitlines()[1]
    path.write_text(
        path.read_text("utf-8") + first.replace("none,deidentified,agreement", "full,full,full") + "\n",
        encoding="utf-8",
    )
    assert faults(folder) == [("catalogue.csv", 122, "policy_fault_row_twice")]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("clauses: [4.1-0]", "clauses: []", "policy_fault_no_clause"),
        ("    clauses: [4.1-0]\n", "", "policy_fault_no_clause"),
        ("clauses: [4.1-0]", "clauses: [4.1-X]", "policy_fault_clause"),
        ("    zh: 附加\n", "", "policy_fault_translation"),
        ("    en: extra\n", "    en: ''\n", "policy_fault_translation"),
        ("effect: deny", "effect: perhaps", "policy_fault_effect"),
        ("effect: deny", "needs: [labels_intact]\n    effect: deny", "policy_fault_effect"),
        ("effect: deny", "needs: [no_such_need]", "policy_fault_code"),
        ("effect: deny", "duties: [no_such_duty]", "policy_fault_code"),
        ("effect: deny", "needs: [labels_intact]\n    otherwise: maybe", "policy_fault_effect"),
        ("effect: deny", "efect: deny", "policy_fault_rule_key"),
        ("doors: [mount]", "doors: []", "policy_fault_condition"),
        ("doors: [mount]", "doors: [window]", "policy_fault_code"),
        ("scenario: 10.4.2", "scenario: 10.9.9", "policy_fault_code"),
        ("scenario: 10.4.2", "weather: sunny", "policy_fault_code"),
        ("scenario: 10.4.2", "scenario: []", "policy_fault_condition"),
        ("scenario: 10.4.2", "level: {around: 3}", "policy_fault_condition"),
        ("scenario: 10.4.2", "level: {at_least: high}", "policy_fault_code"),
        ("scenario: 10.4.2", "level: {at_most: 3}", "policy_fault_not_monotone"),
        ("scenario: 10.4.2", "met: {holds: [labels_intact]}", "policy_fault_not_monotone"),
        ("scenario: 10.4.2", "topics: {within: [hiv]}", "policy_fault_not_monotone"),
        ("effect: deny", "effect: permit\n    track: no_such_track", "policy_fault_track"),
        ("effect: deny", "effect: deny\n    track: data_track", "policy_fault_track"),
        ("effect: deny", "effect: permit\n    before: [no_such_rule]", "policy_fault_order"),
        ("id: extra", "each: no_such_words\n    id: extra", "policy_fault_code"),
        ("id: extra", "id: mount-labels", "policy_fault_twice"),
        ("zh: 附加", "zh: 附加\n    zh: 再次", "policy_fault_key_twice"),
    ],
)  # fmt: skip
def test_a_rule_that_does_not_hold(folder: Path, old: str, new: str, code: str) -> None:
    assert old in RULE
    line = add_rule(folder, RULE.replace(old, new, 1))
    found = [(file, at) for file, at, one in faults(folder) if one == code]
    assert found and all(file == "enclave.yaml" and line <= at < line + 10 for file, at in found)


def test_a_permit_may_not_open_upwards(folder: Path) -> None:
    rule = RULE.replace("effect: deny", "effect: permit").replace("scenario: 10.4.2", "level: {at_least: 3}")
    line = add_rule(folder, rule)
    assert ("enclave.yaml", line, "policy_fault_not_monotone") in faults(folder)


def test_a_ground_that_a_refusal_always_overrules_contradicts_it(folder: Path) -> None:
    rule = RULE.replace("scenario: 10.4.2", "scenario: 10.4.2, mode: point_to_point")
    add_rule(folder, rule.replace("doors: [mount]", "doors: [share]").replace("effect: deny", "effect: permit"))
    line = add_rule(folder, RULE.replace("id: extra", "id: other").replace("doors: [mount]", "doors: [share]"))
    assert line and ("enclave.yaml", line - 7, "policy_fault_contradiction") in faults(folder)
    replace_in(folder / "rules" / "enclave.yaml", "effect: permit\n", "effect: permit\n    before: [other]\n")
    assert check_rules(folder)


def test_two_grounds_with_two_tracks_need_an_order(folder: Path) -> None:
    rule = RULE.replace("doors: [mount]", "doors: [apply]").replace(
        "effect: deny", "effect: permit\n    track: data_track"
    )
    line = add_rule(folder, rule)
    found = faults(folder)
    assert [code for _, _, code in found] == ["policy_fault_contradiction"]
    assert found[0][0] in ("enclave.yaml", "research.yaml") and line
    replace_in(
        folder / "rules" / "enclave.yaml",
        "track: data_track\n",
        "track: data_track\n    before: [may-research-special]\n",
    )
    book = read_book(folder)
    from enclave.policy import decide
    from tests.factories.policy import research

    decided = decide(research("apply"), book)
    assert decided.track is not None and decided.track.code == "data_track"


TRACKS = "workflows.yaml"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("actor: data_manager, after: [apply]", "actor: data_manager, after: [provide]", "policy_fault_circle"),
        ("actor: data_manager, after: [apply]", "actor: nobody, after: [apply]", "policy_fault_nobody"),
        ("actor: data_manager, after: [apply]", "actor: data_manager, after: [elsewhere]", "policy_fault_orphan"),
        ("fulfils: [application_complete]", "fulfils: [no_such_thing]", "policy_fault_code"),
        ("clauses: [9.1.4-1]}", "clauses: []}", "policy_fault_no_clause"),
        ("clauses: [9.1.4-1]}", "clauses: [9.9.9]}", "policy_fault_clause"),
        ("zh: 提出使用申请, en: apply,", "zh: 提出使用申请, en: '',", "policy_fault_translation"),
        ("{code: evaluate,", "{code: apply,", "policy_fault_twice"),
    ],
)
def test_a_track_that_does_not_hold(folder: Path, old: str, new: str, code: str) -> None:
    replace_in(folder / "vocab" / TRACKS, old, new)
    found = faults(folder)
    assert code in {one for file, _, one in found if file == TRACKS}


@pytest.mark.parametrize(
    ("file", "old", "new", "code"),
    [
        ("levels.yaml", "degree: full", "degree: half", "policy_fault_code"),
        ("levels.yaml", "    scope_en: anybody\n", "", "policy_fault_translation"),
        ("levels.yaml", "4.1-T1-L1a", "4.1-T1-L9", "policy_fault_clause"),
        ("purposes.yaml", "code: P2", "code: P1", "policy_fault_twice"),
        ("purposes.yaml", "    zh: 监督管理\n", "", "policy_fault_entry"),
        ("scenarios.yaml", "modes: [business_collaboration]", "modes: [by_pigeon]", "policy_fault_code"),
        ("clinical.yaml", "en: Blood type", "en: ''", "policy_fault_translation"),
        ("degrees.yaml", "degrees:", "degrees: [", "policy_fault_yaml"),
        ("degrees.yaml", "degrees:", "levels:", "policy_fault_twice"),
    ],
)
def test_a_vocabulary_that_does_not_hold(folder: Path, file: str, old: str, new: str, code: str) -> None:
    line = replace_in(folder / "vocab" / file, old, new)
    found = faults(folder)
    assert code in {one for _, _, one in found}
    assert any(at >= line - 12 for _, at, one in found if one == code)


def test_other_files_are_checked_too(folder: Path) -> None:
    (folder / "rules" / "scope.yaml").write_bytes("rules: 规则".encode("gb18030"))
    replace_in(folder / "clauses.csv", "1-1,policy", "1-2,policy")
    found = {code for _, _, code in faults(folder)}
    assert "policy_fault_twice" in found
    replace_in(folder / "clauses.csv", "1-2,policy", "1-1,policy")
    assert ("scope.yaml", 1, "policy_fault_yaml") in faults(folder)


def test_grades_waivers_and_glossary_are_checked(folder: Path) -> None:
    graded = replace_in(folder / "rules" / "levels.yaml", "level: 4\n", "level: 9\n") - 1
    replace_in(
        folder / "waivers.yaml",
        "waivers: []",
        "waivers:\n  - {clause: 9-9, since: someday, zh: 以后, en: later}\n  - {clause: 9-X}",
    )
    line = replace_in(folder / "glossary.yaml", "code: health_data\n", "code: personal_health_data\n")
    found = faults(folder)
    assert {("levels.yaml", graded, "policy_fault_grade"), ("glossary.yaml", line, "policy_fault_twice")} <= set(found)
    assert [code for file, _, code in found if file == "waivers.yaml"] == ["policy_fault_waiver", "policy_fault_clause"]


def test_the_platform_does_not_start_on_rules_that_do_not_hold(home, folder: Path, monkeypatch) -> None:
    from enclave.gateway import supervisor
    from enclave.kernel.settings import settings

    replace_in(folder / "rules" / "enclave.yaml", "clauses: [B.2-2-4]", "clauses: [B.9]")
    monkeypatch.setattr("enclave.policy.book.FOLDER", folder)
    begun = []
    monkeypatch.setattr(supervisor, "start_hub", lambda config: begun.append(config))
    monkeypatch.setattr(supervisor.objectstore, "start", lambda: begun.append("store"))
    with pytest.raises(InvalidRules) as refused:
        supervisor.Platform(settings()).start(begun.append)
    assert "enclave.yaml:" in refused.value.message("en") and "B.9" in refused.value.message("zh") and begun == []


@pytest.mark.parametrize(
    "name", ["clauses.csv", "glossary.yaml", "waivers.yaml", "vocab/workflows.yaml", "vocab/catalogue.csv"]
)
def test_a_file_that_is_not_there(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert (name.split("/")[-1], 1, "policy_fault_no_file") in faults(folder)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert ("clauses.csv", 1, "policy_fault_no_file") in faults(tmp_path)


def test_a_file_that_is_no_mapping(folder: Path) -> None:
    (folder / "rules" / "enclave.yaml").write_text("- a\n- b\n", encoding="utf-8")
    assert ("enclave.yaml", 1, "policy_fault_yaml") in faults(folder)
    (folder / "rules" / "enclave.yaml").write_text("rules:\n  - just a word\n", encoding="utf-8")
    assert "policy_fault_entry" in {code for _, _, code in faults(folder)}
