"""What a browser may do at the door."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict

from enclave.gateway.door import policy

LI = policy.EnclavePath("li", "p-1", "lab")

WORK = [
    ("GET", ""),
    ("GET", "lab"),
    ("GET", "lab/tree/分析.ipynb"),
    ("GET", "lab/workspaces/auto-1"),
    ("GET", "oauth_callback"),
    ("GET", "static/lab/main.js"),
    ("GET", "lab/api/settings/@jupyterlab/apputils-extension:themes"),
    ("PUT", "lab/api/workspaces/default"),
    ("GET", "api/status"),
    ("POST", "api/kernels"),
    ("GET", "api/kernels/4b1f/channels"),
    ("POST", "api/kernels/4b1f/interrupt"),
    ("GET", "api/contents/分析.ipynb"),
    ("PUT", "api/contents/分析.ipynb"),
    ("DELETE", "api/contents/old.ipynb"),
]
CARRY_AWAY = [
    ("GET", "files/data.csv"),
    ("HEAD", "files/data.csv"),
    ("GET", "nbconvert/html/t.ipynb"),
    ("POST", "nbconvert/html"),
    ("GET", "view/page.html"),
    ("GET", "api/terminals"),
    ("GET", "terminals/websocket/1"),
    ("GET", "metrics"),
    ("GET", "lsp/status"),
    ("POST", "lab/api/extensions"),
    ("GET", "lab/../files/data.csv"),
    ("GET", "labfiles"),
    ("GET", "api/nbconvert"),
    ("POST", "lab"),
    ("PROPFIND", "api/contents/x"),
    ("GET", "proxy/80/"),
    ("GET", "hub/api/users"),
]


@pytest.mark.parametrize(("method", "rest"), WORK)
def test_working_in_the_notebook_is_open(method: str, rest: str) -> None:
    assert policy.enclave_allows(method, rest, {})


@pytest.mark.promise("P5")
@pytest.mark.parametrize(("method", "rest"), CARRY_AWAY)
def test_every_way_to_carry_files_away_is_closed(method: str, rest: str) -> None:
    assert not policy.enclave_allows(method, rest, {})


@pytest.mark.promise("P5")
@pytest.mark.parametrize(
    "query", [[("format", "base64")], [("format", "BASE64")], [("format", "text"), ("format", "base64")]]
)
def test_bytes_of_a_file_are_closed_however_they_are_asked_for(query: list[tuple[str, str]]) -> None:
    assert not policy.enclave_allows("GET", "api/contents/x.parquet", MultiDict(query))
    assert policy.enclave_allows("GET", "api/contents/x.parquet", MultiDict([("format", "text")]))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/hub/"),
        ("GET", "/hub/login"),
        ("POST", "/hub/login"),
        ("GET", "/hub/logout"),
        ("GET", "/hub/spawn/li/p-1"),
        ("GET", "/hub/spawn-pending/li/p-1"),
        ("GET", "/hub/api/oauth2/authorize"),
        ("GET", "/hub/api/users/li/servers/p-1/progress"),
        ("DELETE", "/hub/api/users/li/servers/p-1"),
        ("GET", "/user/li/p-1/lab"),
    ],
)
def test_the_pages_people_need_are_open(method: str, path: str) -> None:
    assert policy.hub_allows(method, path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/hub/admin"),
        ("GET", "/hub/token"),
        ("POST", "/hub/api/users/li/tokens"),
        ("GET", "/hub/api/users"),
        ("GET", "/hub/api/"),
        ("POST", "/hub/api/users/li/server"),
        ("GET", "/hub/spawn"),
        ("GET", "/hub/spawn/li"),
        ("GET", "/hub/metrics"),
        ("POST", "/hub/api/oauth2/token"),
        ("GET", "/hub/api/proxy"),
        ("POST", "/hub/api/shutdown"),
    ],
)
def test_the_rest_of_the_hub_stays_inside(method: str, path: str) -> None:
    assert not policy.hub_allows(method, path)


@pytest.mark.parametrize("path", ["/a/../b", "/a//b", "/a\\b", "/a%2fb", "/./a", "/a\nb", "a", "/user/li/p-1/%66iles"])
def test_paths_that_hide_something_are_refused(path: str) -> None:
    assert not policy.is_plain(path)


@given(st.text(alphabet="abcdef/.%\\lis", min_size=1, max_size=40))
def test_what_is_plain_stays_where_it_says(rest: str) -> None:
    path = "/user/li/p-1/" + rest
    if policy.is_plain(path):
        found = policy.enclave_path(path)
        assert found is not None
        assert found.prefix == "/user/li/p-1/"
        assert ".." not in found.rest.split("/")
        assert not (found.rest.startswith("files") and policy.enclave_allows("GET", found.rest, {}))


def test_documents_of_an_enclave_reach_only_themselves_and_cannot_download() -> None:
    found = policy.content_security_policy(False, "door:8000", LI)
    assert "connect-src http://door:8000/user/li/p-1/ ws://door:8000/user/li/p-1/ data:" in found
    assert "allow-downloads" not in found
    assert "allow-popups" not in found
    assert "form-action 'none'" in found
    assert "wss://door/user/li/p-1/" in policy.content_security_policy(True, "door", LI)


@pytest.mark.parametrize(
    ("name", "value", "passes"),
    [
        ("Content-Type", "text/html", True),
        ("Content-Disposition", "attachment; filename=x", False),
        ("Content-Security-Policy", "default-src *", False),
        ("Location", "/hub/api/oauth2/authorize?x=1", True),
        ("Location", "https://elsewhere.example/?data", False),
        ("Location", "//elsewhere.example/", False),
        ("Location", "/\\elsewhere.example/", False),
        ("Set-Cookie", "_xsrf=1; Path=/user/li/p-1/", True),
        ("Set-Cookie", "jupyterhub-hub-login=1; Path=/hub/", False),
        ("Set-Cookie", "x=1", False),
        ("Set-Cookie", "x=1; Path=/user/li/p-1/; Domain=example", False),
        ("Access-Control-Allow-Origin", "*", False),
        ("Refresh", "0; url=https://elsewhere.example", False),
        ("Link", "<https://elsewhere.example>; rel=preload", False),
        ("Service-Worker-Allowed", "/", False),
        ("Report-To", "{}", False),
    ],
)
def test_an_enclaves_answer_says_only_what_it_must(name: str, value: str, passes: bool) -> None:
    assert policy.enclave_answer(name, value, LI) is passes


def test_an_enclave_gets_no_cookie_of_the_hub_or_a_portal() -> None:
    others = "jupyterhub-hub-login=secret; enclave-workbench=secret; jupyterhub-user-zhang=no"
    sent = f"{others}; jupyterhub-user-li-oauth=own; _xsrf=x"
    assert policy.enclave_cookies(sent, LI) == "jupyterhub-user-li-oauth=own; _xsrf=x"


def test_the_log_never_holds_the_name_of_a_file() -> None:
    assert policy.EnclavePath("li", "p-1", "files/张三.csv").kind == "files"
    assert policy.EnclavePath("li", "p-1", "张三.csv").kind == "other"
