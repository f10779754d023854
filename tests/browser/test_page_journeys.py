"""What people do on the pages: apply, review, decide, release, change language, lose a role."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import CHROMIUM, Portals, Visit

pytestmark = [pytest.mark.browser, pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium")]


def step(page: Page, name: str) -> None:
    """Go to a step of the application."""
    page.get_by_role("radio", name=name).or_(page.get_by_role("button", name=name, exact=True)).first.click()


def choose(page: Page, label: str, option: str) -> None:
    """Choose in a select box."""
    page.get_by_role("combobox", name=label, exact=True).click()
    page.get_by_role("option", name=option, exact=True).first.click()


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def test_a_draft_keeps_what_was_typed_whichever_way_one_leaves(portals: Portals, visit: Visit) -> None:
    page = visit("zhang").open(portals.address("apply?dataset={ds_copd}"))
    choose(page, "数据集类别", "去标识化数据集")
    page.get_by_role("textbox", name="数据需求内容").fill("慢阻肺住院病例")
    page.get_by_role("button", name="添加条件").click()
    choose(page, "数据项", "sex")
    choose(page, "取值", "F")
    page.get_by_text("2 用途与方式").click()  # straight from the field to another step
    expect(page.get_by_text("用途与必要性")).to_be_visible()
    assert "id=req-" in page.url
    page.reload()
    page.locator(".footer").wait_for()
    expect(page.get_by_role("textbox", name="数据需求内容")).to_have_value("慢阻肺住院病例")
    expect(page.get_by_role("combobox", name="数据集类别").first).to_have_value("去标识化数据集")
    expect(page.get_by_role("combobox", name="取值").first).to_have_value("F")
    page.get_by_text("2 用途与方式").click()
    expect(page.get_by_text("用途与必要性")).to_be_visible()
    page.get_by_text("1 数据范围").click()
    expect(page.get_by_role("combobox", name="取值").first).to_have_value("F")
    page.get_by_role("button", name="移除").click()
    page.get_by_role("button", name="保存草稿").click()
    expect(page.get_by_text("已全部保存")).to_be_visible()
    expect(page.get_by_role("combobox", name="取值")).to_have_count(0)


def test_what_is_missing_is_said_beside_its_field_in_the_visitors_language(portals: Portals, visit: Visit) -> None:
    page = visit("li", "en").open(portals.address("apply?id={empty}"))
    page.get_by_text("6 Submit").click()
    expect(page.get_by_text("things are still missing")).to_be_visible()
    assert not page.get_by_role("button", name="Submit", exact=True).is_visible()
    page.get_by_role("button", name="Go to: Purpose").click()
    expect(page.locator(".fielderror").first).to_be_visible()
    assert "Fill in 'Purpose'" in page.locator(".fielderror").first.inner_text()


def test_the_language_changes_in_place_and_is_remembered(portals: Portals, visit: Visit) -> None:
    visitor = visit("li", "")
    page = visitor.open(portals.address("apply?id={complete}"))
    page.get_by_role("textbox", name="数据需求内容").fill("切换语言也不丢")
    page.get_by_role("button", name="English").press("Enter")
    expect(page.locator("h1")).to_have_text("Apply for data")
    expect(page.get_by_role("textbox", name="Data needed")).to_have_value("切换语言也不丢")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    visitor.open(portals.catalogue)
    expect(page.locator("h1")).to_have_text("Health data you can apply for")
    page.get_by_role("button", name="中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")


def test_a_visitor_finds_a_data_set_and_the_way_in(portals: Portals, visit: Visit) -> None:
    page = visit().open(portals.catalogue)
    page.get_by_role("textbox", name="检索").fill("阻塞性肺")
    expect(page.get_by_text("共 1 个数据集")).to_be_visible()
    page.get_by_role("link", name="四川省二级").click()
    expect(page.locator("h1")).to_contain_text("慢性阻塞性肺疾病")
    way = page.get_by_role("link", name="登录").get_attribute("href") or ""
    assert way.startswith("/services/catalogue/login?next=/services/catalogue/dataset%3Fid%3Dcopd")
    apply = page.get_by_role("link", name="申请使用").get_attribute("href")
    assert apply == f"/services/workbench/apply?dataset={portals.ids['ds_copd']}"
    tab(page, "合成样本")
    with page.expect_download() as file:
        page.get_by_role("button", name="下载 CSV").click()
    content = file.value.path().read_bytes()
    assert content.startswith(b"\xef\xbb\xbf") and b"_person" not in content
    assert len(content.splitlines()) == 401


@pytest.mark.parametrize("path", ["ledger", "members", "egress", "data", "publish?id={ds_copd}"])
def test_a_page_of_another_role_is_closed_not_missing(portals: Portals, visit: Visit, path: str) -> None:
    page = visit("li").open(portals.address(path))
    expect(page.get_by_text("此页面不对您的身份开放")).to_be_visible()


def test_a_role_taken_away_closes_the_page_at_the_next_click(portals: Portals, visit: Visit) -> None:
    page = visit("qian").open(portals.address(""))
    portals.command("account", "roles", "qian", "auditor")
    page.get_by_role("button", name="English").click()
    page.get_by_role("link", name="Ledger").click()
    expect(page.locator("h1")).to_have_text("Ledger")
    portals.command("account", "roles", "qian", "assessor")
    page.get_by_role("button", name="Verify the chain").click()
    expect(page.get_by_text("This page is not open to your role")).to_be_visible()


def test_the_ledger_is_verified_on_the_page(portals: Portals, visit: Visit) -> None:
    page = visit("feng").open(portals.address("ledger"))
    page.get_by_role("button", name="校验整条台账").click()
    expect(page.get_by_text("台账完整")).to_be_visible()


@pytest.mark.promise("P7")
def test_a_reviewer_sees_no_other_review_before_all_are_in(portals: Portals, visit: Visit) -> None:
    page = visit("zhou").open(portals.address("request?id={in_review}"))
    tab(page, "评审")
    assert "保密措施充分" not in page.locator("body").inner_text()  # what sun wrote
    page.get_by_text("同意", exact=True).first.click()
    choose(page, "代表的专业领域", "医学伦理")
    for name in ("申请的数据内容与研究主题紧密相关", "变量", "人群", "时段", "粒度", "样本量"):
        page.locator("label").filter(has_text=name).last.click()
    for name in ("伦理意见", "保密意见", "综合意见"):
        page.get_by_role("textbox", name=name).fill(f"周：{name}")
    page.get_by_role("button", name="提交评审意见").click()
    expect(page.get_by_text("评审意见已提交")).to_be_visible()
    page.goto(portals.address("request?id={in_review}"))
    page.locator(".footer").wait_for()
    tab(page, "评审")
    expect(page.get_by_text("保密措施充分")).to_be_visible()


def test_a_decision_without_reasons_is_refused_with_its_clause(portals: Portals, visit: Visit) -> None:
    page = visit("wu").open(portals.address("request?id={reviewed}"))
    page.get_by_text("不同意", exact=True).first.click()
    page.get_by_role("button", name="作出决定").click()
    alert = page.locator(".alert")
    expect(alert).to_be_visible()
    said = alert.inner_text()
    assert "10.4.2-e-3b" in said and "追踪号" in said
    assert any("a" <= letter <= "z" for letter in alert.locator(".other").inner_text().lower())


@pytest.mark.promise("P5")
@pytest.mark.promise("P7")
def test_what_two_stewards_approve_is_what_the_researcher_downloads(portals: Portals, visit: Visit) -> None:
    for username in ("wang", "chen"):
        page = visit(username).open(portals.address("export?id={export_waiting}"))
        assert "同意" not in page.locator(".badges").all_inner_texts()
        page.get_by_text("同意", exact=True).first.click()
        page.get_by_role("textbox", name="意见").fill(f"{username} 审")
        page.get_by_role("button", name="提交评审意见").click()
        expect(page.get_by_text("评审意见已提交")).to_be_visible()
        if username == "chen":
            break
        other = visit("chen").open(portals.address("export?id={export_waiting}"))
        assert "wang 审" not in other.locator("body").inner_text()
    expect(page.get_by_text("已发放：")).to_be_visible()
    researcher = visit("li").open(portals.address("project?id={project}"))
    tab(researcher, "导出与发放")
    with researcher.expect_download() as file:
        researcher.get_by_role("button", name="waiting.csv").click()
    assert file.value.path().read_text("utf-8") == "年龄组,人数\n40-49,120\n50-59,95\n60-69,64\n"


def test_ending_a_project_closes_the_way_in(portals: Portals, visit: Visit) -> None:
    page = visit("wu").open(portals.address("project?id={project}"))
    tab(page, "终止")
    button = page.get_by_role("button", name="终止授权")
    expect(button).to_be_disabled()
    page.get_by_role("textbox", name="理由").fill("协议到期")
    page.keyboard.press("Tab")
    button.click()
    expect(page.get_by_text("授权已终止。")).to_be_visible()
    member = visit("li").open(portals.address("project?id={project}"))
    expect(member.get_by_text("分析空间已关闭")).to_be_visible()
    assert member.get_by_role("link", name="打开分析空间").count() == 0
