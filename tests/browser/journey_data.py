"""Small data for the walk through the loop: a cut of the demonstration's real set, and a file a steward registers.

`python -m tests.browser.journey_data FOLDER` opens the accounts of the home it runs in, publishes the cut, and prints
the accounts' passwords as JSON.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from enclave.cli.demonstration import application, data
from enclave.cli.demonstration.people import open_accounts

PERSONS = 3000
TITLE_ZH, TITLE_EN = "糖尿病住院诊疗数据（节选）", "Diabetes inpatient encounters (cut)"


def entry(folder: Path) -> dict[str, Any]:
    """Write the columns the application asks for, of some patients, to `folder`; return how to publish them."""
    described = next(each for each in data.described() if each["slug"] == "diabetes-130")
    columns = ["encounter_id", "patient_nbr", *application.COLUMNS]
    frame = pd.read_parquet(data.FOLDER / described["path"], columns=columns)
    chosen = frame["patient_nbr"].drop_duplicates().sample(PERSONS, random_state=8)
    path = folder / "diabetes-cut.parquet"
    frame[frame["patient_nbr"].isin(chosen)].to_parquet(path, index=False)
    texts = described["texts"] | {"title_zh": TITLE_ZH, "title_en": TITLE_EN}
    kept = {name: {k: v for k, v in described[name].items() if k in columns} for name in ("labels", "codes")}
    return described | kept | {"slug": "diabetes-cut", "path": path, "texts": texts}


def outpatients(persons: int = 600) -> bytes:
    """Return a small CSV of a clinic, as a hospital would hand it in."""
    draw = random.Random(8)
    rows = ["病案号,姓名,性别,年龄,科室,就诊日期,收缩压"]
    for number in range(1, persons + 1):
        day = f"2025-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}"
        name = draw.choice("王李张刘陈杨黄周吴徐") + draw.choice("伟芳娜敏静丽强磊军洋")
        place = draw.choice(["心内科", "内分泌科", "呼吸科"])
        line = (f"M{number:06}", name, draw.choice("男女"), draw.randint(20, 89), place, day, draw.randint(95, 185))
        rows.append(",".join(map(str, line)))
    return ("\n".join(rows) + "\n").encode("gb18030")


if __name__ == "__main__":
    passwords = open_accounts()
    data.publish(entry(Path(sys.argv[1])))
    sys.stdout.write(json.dumps(passwords))
