"""Fills a home with something of everything pages show: `python tests/browser/seed.py OUT.json`.

Through the services only, with names that are long, Chinese or hostile.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "browser")]

import standin  # noqa: E402  found by the path set above, as the portals of these tests find it

from catalog_browser import service as catalogue  # noqa: E402  after the path is set
from catalog_browser.views import DescribeDataSet, Texts  # noqa: E402  after the path is set
from enclave.deidentify.service import RegisterDataSet, register  # noqa: E402  after the path is set
from enclave.kernel.identity import Account, Actor, system  # noqa: E402  after the path is set
from enclave.kernel.settings import settings  # noqa: E402  after the path is set
from enclave.kernel.unit import unit_of_work  # noqa: E402  after the path is set
from enclave.outputs.files import service as exports  # noqa: E402  after the path is set
from request_review import service as requests  # noqa: E402  after the path is set
from tests.factories import requests as made  # noqa: E402  after the path is set
from tests.factories.accounts import PEOPLE, make_account  # noqa: E402  after the path is set
from tests.fixtures.databases import lay_out  # noqa: E402  after the path is set

LONG = "四川省二级及以上医疗机构慢性阻塞性肺疾病急性加重住院患者病案首页与随访数据（2015—2024 年，含检验与费用明细）"
HOSTILE = (
    '<img src="https://outside.test/x" onerror="alert(1)"> [点这里](https://outside.test) ![i](https://outside.test/i)'
)
CSV = "姓名,性别,<b>年龄</b>,诊断\n" + "".join(
    f"病人{n},{'男女'[n % 2]},{20 + n % 60},E{10 + n % 9}\n" for n in range(300)
)
RESULTS = {
    "waiting": "年龄组,人数\n40-49,120\n50-59,95\n60-69,64\n",
    "blocked": "年龄组,人数\n40-49,120\n50-59,95\n60-69,4\n",
    "released": "性别,人数\n男,210\n女,190\n",
}


def accounts() -> dict[str, Actor]:
    """Make the demonstration's people, with Chinese names."""
    people = {name: make_account(name, role, institution=place) for name, (role, place) in PEOPLE.items()}
    with unit_of_work(system("seed")) as unit:
        for name in people:
            unit.get(Account, name).display_name = {"li": "李晓岚", "wang": "王静"}.get(name, name.title())
        unit.record("seed.named", "accounts")
    return people


def data_sets(people: dict[str, Actor]) -> dict[str, str]:
    """Publish one with a long title and one with a hostile one; leave one as a draft."""
    found = {}
    for slug, title in (("copd", LONG), ("hostile", HOSTILE)):
        entry = made.publish(people["wang"], {"cases": made.cases()}, slug=slug)
        texts = Texts(title_zh=title, title_en=title, description_zh=title, description_en=title, attribution=title)
        catalogue.describe(people["wang"], DescribeDataSet(entry.id, texts))
        found[slug] = entry.id
    path = settings().folder("spool") / "病人.csv"
    path.write_text(CSV, "gb18030")
    texts = Texts(title_zh="待确认的数据集", title_en="A draft")
    found["draft"] = register(people["wang"], RegisterDataSet("draft", texts, "锦江医学院附属医院", path)).id
    return found


def applications(people: dict[str, Actor], dataset: str) -> dict[str, str]:
    """Make a request in every state."""
    found: dict[str, requests.RequestView] = {}
    found["empty"] = requests.save_draft(people["li"], requests.SaveDraft({"title": HOSTILE, "dataset_id": dataset}))
    found["complete"] = made.draft(people["li"], dataset, title=LONG)
    found["submitted"] = made.submitted(people["li"], dataset, title="已提交", project_number="N1")
    found["in_review"] = made.submitted(people["li"], dataset, title=LONG, members=["zhang"], project_number="N2")
    made.in_review(people, found["in_review"])
    requests.review(people["sun"], made.a_review(found["in_review"].id))
    found["reviewed"] = made.submitted(people["li"], dataset, title="待决定", project_number="N3")
    made.in_review(people, found["reviewed"])
    for name in ("sun", "zhou"):
        requests.review(people[name], made.a_review(found["reviewed"].id))
    approved = made.decided(people, made.submitted(people["li"], dataset, title="待签署", project_number="N4"))
    found["agreement"] = requests.draw_up_agreement(people["wu"], approved.id)
    signed = made.decided(people, made.submitted(people["li"], dataset, title="待登记", project_number="N5"))
    found["signed"] = made.signed(people, signed)
    found["granted"] = made.granted(people, dataset, title=LONG, members=["zhang"])
    return {name: view.id for name, view in found.items()} | {"project": found["granted"].project_id}


def some_exports(people: dict[str, Actor], project: str) -> dict[str, str]:
    """Submit files out of a workspace: one that waits for review, one that the checks block, one released."""
    workspace = settings().work_dir / project / "workspaces" / "li"
    workspace.mkdir(parents=True)
    found = {}
    for name, content in RESULTS.items():
        (workspace / f"{name}.csv").write_text(content, "utf-8")
        command = exports.SubmitExport(project, (f"{name}.csv",), f"年龄分组人数表（{name}），用于论文表一")
        found[f"export_{name}"] = exports.submit(people["li"], command).summary.id
    for steward in ("wang", "chen"):
        view = exports.view(people[steward], found["export_released"])
        exports.review(people[steward], exports.ReviewExport(view.summary.id, "approve", view.digest, "无泄露风险"))
    return found


def main() -> None:
    """Fill the home and write what was made."""
    settings().folder("db")
    lay_out(settings().database_url)
    standin.use_folder_store()
    people = accounts()
    sets = data_sets(people)
    found = applications(people, sets["copd"])
    found |= some_exports(people, found["project"])
    Path(sys.argv[1]).write_text(json.dumps(found | {f"ds_{name}": value for name, value in sets.items()}))


if __name__ == "__main__":
    main()
