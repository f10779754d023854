"""The door's own answers: a short page in both languages for people, JSON for programs."""

from __future__ import annotations

from html import escape

from aiohttp import web

from enclave.kernel.i18n import catalogue

PAGE = """<!DOCTYPE html><html lang="zh"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{zh_title}</title>
<style>body{{margin:0;min-height:100vh;display:grid;place-items:center;background:#f4f6f8;color:#1d2733;
font:16px/1.6 "Noto Sans CJK SC","Noto Sans SC","PingFang SC","Microsoft YaHei",sans-serif}}
main{{max-width:34rem;margin:1.5rem;padding:2rem 2.25rem;background:#fff;border:1px solid #dde3ea;border-radius:12px}}
h1{{font-size:1.25rem;margin:0 0 .5rem}}p{{margin:.25rem 0}}.en{{color:#55606e}}a{{color:#0e6470}}
small{{color:#55606e}}</style></head><body><main><h1>{zh_title}</h1><p>{zh}</p>
<p class="en" lang="en"><strong>{en_title}</strong><br>{en}</p>
<p><a href="/services/workbench/">返回工作台 / Back to the workbench</a></p>
<small>{status}</small></main></body></html>"""
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}


def answer(request: web.Request, status: int, code: str) -> web.Response:
    """Return the answer `code` (texts `<code>` and `<code>_title`) as a page or as JSON."""
    title, text = catalogue()[f"{code}_title"], catalogue()[code]
    if "text/html" in request.headers.get("Accept", ""):
        page = PAGE.format(
            zh_title=escape(title.zh), en_title=escape(title.en), zh=escape(text.zh), en=escape(text.en), status=status
        )
        return web.Response(status=status, text=page, content_type="text/html", headers=HEADERS)
    message = {"code": code, "message": f"{text.zh} / {text.en}", "message_zh": text.zh, "message_en": text.en}
    return web.json_response(message, status=status, headers=HEADERS)
