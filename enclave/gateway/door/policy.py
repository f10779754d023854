"""What a browser may do at the door: allow-lists of paths and headers; everything else is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

Rules = list[tuple[frozenset[str], re.Pattern[str]]]


def _rules(*lines: str) -> Rules:
    """Return rules from lines `METHOD[,METHOD] pattern`; `*` is any method."""
    pairs = (line.split(" ", 1) for line in lines)
    return [(frozenset(methods.split(",")), re.compile(pattern)) for methods, pattern in pairs]


READ, WRITE = "GET,HEAD", "POST,PUT,PATCH,DELETE"
ENCLAVE_RULES = _rules(
    f"{READ} (lab|doc)(/(tree|workspaces)/.*)?",
    f"{READ} |api|oauth_callback|logout|login|favicon\\.ico",
    f"{READ} static/.*|lab/extensions/.*|kernelspecs/.*",
    f"{READ} lab/api/(themes|listings|licenses|translations|settings|workspaces|extensions|plugins)/?.*",
    "PUT lab/api/(settings|workspaces)/.*",
    "DELETE lab/api/workspaces/.*",
    f"{READ} api/(me|status|kernelspecs.*|config/\\w+|events/subscribe|resolvePath)",
    f"{READ},{WRITE} api/(kernels|sessions)(/.*)?",
    f"{READ},{WRITE} api/contents(/.*)?",
    "POST api/security/csp-report",
)
# The hub's own pages that people need; its administration, tokens and the rest of its API stay inside.
HUB_RULES = _rules(
    f"{READ} |hub/?|hub/home|hub/logout|hub/(static|logo)(/.*)?|favicon\\.ico",
    f"{READ},POST hub/login",
    f"{READ},POST hub/spawn/[a-z0-9]+/[a-z0-9-]+",
    f"{READ} hub/spawn-pending/[a-z0-9]+/[a-z0-9-]+",
    f"{READ} hub/api/oauth2/authorize",
    f"{READ} hub/api/users/[a-z0-9]+/servers/[a-z0-9-]+/progress",
    "POST,DELETE hub/api/users/[a-z0-9]+/servers/[a-z0-9-]+",
    f"{READ} (hub/)?user/[a-z0-9]+(/.*)?",
    "POST hub/security/csp-report",
)
USER_PATH = re.compile(r"/user/(?P<user>[a-z0-9]+)/(?P<project>[a-z0-9-]+)/(?P<rest>.*)\Z", re.DOTALL)
BLOCKED_FORMATS = frozenset({"base64"})


@dataclass(frozen=True)
class EnclavePath:
    """A path of one enclave. `rest` is relative to it."""

    user: str
    project: str
    rest: str

    @property
    def name(self) -> str:
        """Return the enclave's name, as sockets and counters carry it."""
        return f"{self.user}--{self.project}"

    @property
    def prefix(self) -> str:
        """Return the enclave's own part of the address space."""
        return f"/user/{self.user}/{self.project}/"

    @property
    def kind(self) -> str:
        """Return the kind of path for the log: never a file's name (P12)."""
        first = self.rest.split("/")[0]
        return first if re.fullmatch(r"[a-z]{1,12}", first) else "other"


def enclave_path(path: str) -> EnclavePath | None:
    """Return the parts of a path below an enclave."""
    match = USER_PATH.fullmatch(path)
    return EnclavePath(**match.groupdict()) if match else None


def is_plain(path: str) -> bool:
    """Tell whether a decoded path means what it says: no climbing, doubled or encoded separators."""
    steps = path.split("/")
    odd = "\\" in path or "//" in path or "%" in path or any(ord(sign) < 32 for sign in path)
    return path.startswith("/") and not odd and not {".", ".."}.intersection(steps)


def _allowed(rules: Rules, method: str, rest: str) -> bool:
    # fullmatch: with `match`, one empty alternative would let everything through.
    return any(method in methods and pattern.fullmatch(rest) for methods, pattern in rules)


def enclave_allows(method: str, rest: str, query: Mapping[str, str]) -> bool:
    """Tell whether a browser may ask this of an enclave's server: to see and to work, not to carry away."""
    if rest.startswith("api/contents") and BLOCKED_FORMATS.intersection(_values(query, "format")):
        return False
    return _allowed(ENCLAVE_RULES, method, rest)


def hub_allows(method: str, path: str) -> bool:
    """Tell whether a browser may ask this of the hub."""
    return _allowed(HUB_RULES, method, path.lstrip("/"))


def _values(query: Mapping[str, str], name: str) -> list[str]:
    getall = getattr(query, "getall", None)  # a repeated parameter has several values: all count
    values = getall(name, []) if getall else [query[name]] if name in query else []
    return [value.lower() for value in values]


# Documents of an enclave load nothing from elsewhere, send nothing elsewhere, and cannot download.
CSP = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src {own} data:; worker-src 'self' blob:; "
    "frame-src blob:; object-src 'none'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'; "
    "sandbox allow-scripts allow-same-origin allow-forms allow-modals"
)
PERMISSIONS = "camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=(), clipboard-write=(self)"


def content_security_policy(secure: bool, host: str, enclave: EnclavePath) -> str:
    """Return the policy for one enclave's documents: connections to itself alone."""
    own = f"{host}{enclave.prefix}"
    web, socket = ("https", "wss") if secure else ("http", "ws")
    return CSP.replace("{own}", f"{web}://{own} {socket}://{own}")


# What an enclave's answer may say to the browser; the rest is dropped.
ANSWER_HEADERS = frozenset(
    """content-type content-length content-encoding etag last-modified cache-control vary allow
    x-jupyterhub-version x-content-type-options date retry-after""".split()
)


def enclave_answer(name: str, value: str, enclave: EnclavePath) -> bool:
    """Tell whether a header of an enclave's answer passes."""
    lower = name.lower()
    if lower == "location":
        return value.startswith("/") and not value.startswith(("//", "/\\"))
    if lower == "set-cookie":
        path = next((part for part in value.split(";") if part.strip().lower().startswith("path=")), "")
        return path.strip()[5:].startswith(enclave.prefix.rstrip("/")) and "domain=" not in value.lower()
    return lower in ANSWER_HEADERS


def enclave_cookies(header: str, enclave: EnclavePath) -> str:
    """Return the cookies an enclave's server needs, none of the hub's or the portals' own."""
    pairs = (part.strip() for part in header.split(";"))
    kept = ("_xsrf", "jupyterhub-session-id", f"jupyterhub-user-{enclave.user}", "__Host-_xsrf")
    return "; ".join(pair for pair in pairs if pair.split("=")[0].startswith(kept))
