"""A small hospital: a table of persons and one of their admissions, as CSV with Chinese headers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

PEOPLE, VISITS = 400, 1500


def id_number(area: str, birth: pd.Timestamp, serial: int) -> str:
    body = f"{area}{birth:%Y%m%d}{serial:03d}"
    check = sum(int(digit) * 2 ** (17 - place) for place, digit in enumerate(body)) % 11
    return body + "10X98765432"[check]


def write_tables(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    draw = np.random.default_rng(7)
    births = pd.to_datetime("1925-01-01") + pd.to_timedelta(draw.integers(0, 30000, PEOPLE), "D")
    areas = draw.choice(["510104", "510105", "510107", "511304", "513401"], PEOPLE)
    numbers = [id_number(area, birth, n % 999) for n, (area, birth) in enumerate(zip(areas, births, strict=True))]
    people = pd.DataFrame(
        {
            "身份证号": numbers,
            "姓名": [
                f"{'王李张刘陈杨'[n % 6]}{'伟芳娜敏静磊'[n // 6 % 6]}{'一二三四五六'[n // 36 % 6]}"
                for n in range(PEOPLE)
            ],
            "性别": draw.choice(["男", "女"], PEOPLE),
            "出生日期": births.strftime("%Y-%m-%d"),
            "行政区划代码": areas,
            "联系电话": [f"139{n:08d}" for n in draw.integers(0, 10**8, PEOPLE)],
            "血型": draw.choice(["A", "B", "O", "AB"], PEOPLE),
        }
    )
    who = draw.integers(0, PEOPLE, VISITS)
    admitted = pd.to_datetime("2021-01-01") + pd.to_timedelta(draw.integers(0, 900 * 24, VISITS), "h")
    stay = draw.integers(1, 30, VISITS)
    visits = pd.DataFrame(
        {
            "visit_id": [f"V{n:07d}" for n in range(VISITS)],
            "身份证号": people["身份证号"].to_numpy()[who],
            "入院时间": admitted.strftime("%Y-%m-%d %H:%M:%S"),
            "出院时间": (admitted + pd.to_timedelta(stay, "D")).strftime("%Y-%m-%d %H:%M:%S"),
            "住院天数": stay,
            "出院科别": draw.choice(["心内科", "产科", "骨科", "罕见病科"], VISITS, p=[0.5, 0.3, 0.195, 0.005]),
            "主要诊断编码": draw.choice(["I10", "E11", "O82", "S72"], VISITS),
            "总费用": draw.gamma(2, 5000, VISITS).round(2),
        }
    )
    people.to_csv(folder / "people.csv", index=False)
    visits.to_csv(folder / "visits.csv", index=False)
    return people, visits
