"""Requests for the comparison of both engines as bytes, as no client would send them.

What is in ``UNLIKE`` each engine's HTTP library takes its own way.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote

__all__ = ["ADMIN", "INGRESS", "UNLIKE", "request"]

JSON = {"content-type": "application/json"}
Headers = Mapping[str, str] | Iterable[tuple[str, str]]


def request(method: str, target: str, headers: Headers = (), body: bytes = b"", *, host: str = "localhost") -> bytes:
    """With a length, if there is a body and no other word about one."""
    given = list(headers.items() if isinstance(headers, Mapping) else headers)
    if body and not {"content-length", "transfer-encoding"} & {name for name, _ in given}:
        given.append(("content-length", str(len(body))))
    lines = [f"{method} {target} HTTP/1.1", f"host: {host}", *(f"{name}: {value}" for name, value in given)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


_TARGETS = """
http://localhost/Greeter/headers http://other.host/Greeter/headers HTTP://localhost/Greeter/headers http://localhost
/Greeter/headers#x /Greeter/headers?#x /Greeter/headers?a#b /Counter/</get /Counter/>/get /Counter/`/get /Counter/"/get
/Counter/{a}/get /Counter/a|b/get /Counter/^/get /Counter/a'b/get /Counter/~!$&()*,=:@/get /Counter/%25%34%31/get
/Counter/%F4%90%80%80/get /Counter/%C0%80/get /Counter/%C3/get /Counter/a%C3%28b/get /Counter/%EF%BB%BFk/get
/Greeter/headers?a=" /Greeter/headers?a=< /Greeter/headers?a=> /Greeter/headers?a=` /Greeter/headers?a={|}^\\
/%2e%2e/Greeter/nothing /restate/../Greeter/nothing /Greeter/nothing;x=1 /Greeter/nothing%0d%0ax /RESTATE/health
/restate%2Fhealth //localhost/Greeter/nothing /Greeter\\nothing /?/Greeter/nothing /Greeter/nothing?limit-key=
/restate/scope/%00/call/Greeter/nothing /restate/scope/a%2Fb/call/Greeter/nothing
"""

_DELAYS = """
1h, 1h,_ 1h_,1m 1h,_1m, 1h,_1m,_2s 1h,1m 1h,,1m 1h,_ago 1h_ago 1h__ago 1h_ago_ 1hago 1h,ago 1d_1:2:3 1d,_1:2:3 1h_1:2:3
1:2 1: 1:2: 1:2:3: 1:99:99 0:0:1 24:00:00 1:2:3.5 1:2:3,5 1:2:3. 1:2:3_ago 1.5h_1m 1.5h1m 1.5d 1.5mo 1.5y 1.5ns 1.5us
1.s 1.5.5s .5s 1e1s 1,5s 0.0001s 1.123456789s 1.1234567891s 1y_1d 0y_1d 0mo_1s 1y1y 1s_1y 1s1m 1h1h 5d5d 1s_2s 1s_1h
1w1d1h1m1s1ms1us1ns 1day1hour 1days,1hour 1day,__1hour 1d1.5s 1d_1 1d_1x 1d_x 1_ 1_s 1__s _1s 1s_ 1x 1ss 1sfoo 1secx 1S
1h-1m 1h+1m +1h -1s -0s +-1s --1s - + 0 00 -0 +0 0_ 0x 1_h_1_m 1ms1us 1us1ms null １ １s 1s;x
P P1 PT PT1 P1T P1DT P1DT_ P1Dx P1DT1Hx P1D1D P1D1W P1D1H PT1D PT1H1H PT1S1H PT1.5H1M PT1.5Hx PT1.S PT.5S P1.D P1.5D
P1,5D P_1D P-1D P+1D -P1D -_P1D -P +P1D -PT0S p1dt1h PT1H30M_ PT1H30M_ago P0Y P0M PT0M P0D P1Y1D P1W PT0.5S T1S
18446744073709551615s 18446744073709551616s 9223372036854775808s
"""

_HEADERS: list[list[tuple[str, str]]] = [
    [("expect", "foo")],
    [("expect", "100-CONTINUE")],
    [("x-restate-ingress-path", "/mine")],
    [("x-restate-limit-key", "")],
    [("content-type", "application/json\tx")],
    [("x-a", "v" * 9000)],
    [("x-a", "v" * 65_000)],
    [("x-a", "\ta\tb\t"), ("x!#$%&'*+.^_`|~", "1"), ("x_y", "1")],
    [("x-a", "1"), ("x-a", "2"), ("cookie", "a=b"), ("cookie", "c=d")],
    [("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-key", "x")],
    [("content-length", "0003")],
    [("range", "bytes=0-1"), ("if-none-match", "*"), ("accept", ";;;")],
    [(f"x-{number}", "1") for number in range(97)],
]

_LOOKUPS: list[object] = [
    {"target": "workflow"},
    {"target": "workflow", "workflowName": 1, "workflowKey": "a"},
    {"target": "workflow", "workflowName": "Nope", "workflowKey": "a", "extra": 1},
    {"target": "invocation", "invocationId": "x"},
    {"target": "Invocation", "invocationId": "inv_1"},
    {"target": "idempotentInvocation", "service": "Counter", "handler": "get", "idempotencyKey": "k"},
    {"target": "idempotentInvocation", "service": "Greeter", "key": "x", "handler": "greet", "idempotencyKey": "k"},
    {"target": None},
]

_AWAKEABLES = ["prom_1" + "a" * 30, "prom_1" + "-" * 38, "prom_1" + "Z" * 38, "prom_1" + "A" * 40, "sign_1" + "_" * 38]


def _chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


def _ingress() -> Iterator[bytes]:
    for target in _TARGETS.split():
        yield request("POST", target)
    yield request("POST", f"/Counter/{'k' * 9000}/get")
    for delay in _DELAYS.split():
        query = quote(delay.replace("_", " "), safe="")
        yield request("POST", f"/Greeter/greet/send?delay={query}", JSON, b'"x"')
    for query in (
        "delay=1s#",
        "delay=+1s",
        "delay=1s&delay=2s",
        "%64elay=1s",
        "delay%3D1s",
        "delay=1s%00",
        "delay[]=1s",
    ):
        yield request("POST", f"/Greeter/greet/send?{query}", JSON, b'"x"')
    for headers in _HEADERS:
        yield request("POST", "/Greeter/headers", headers, b"abc" if headers[0][0] == "content-length" else b"")
    for described in _LOOKUPS:
        for path in ("/restate/lookup", "/restate/output"):
            yield request("POST", path, JSON, json.dumps(described).encode())
    yield request("POST", "/restate/lookup", JSON, b"\xef\xbb\xbf{}")
    for identifier in _AWAKEABLES:
        yield request("POST", f"/restate/awakeables/{identifier}/resolve", {}, b"x")
    yield request("POST", "/Greeter/raw", {"content-length": str(33 << 20)}, b"x")
    for body in (_chunked(b"abc"), _chunked(), b"3;a=b\r\nabc\r\n0\r\nx-t: 1\r\n\r\n", b"0003\r\nabc\r\n000\r\n\r\n"):
        chunked = {"transfer-encoding": "CHUNKED", "content-type": "application/octet-stream"}
        yield request("POST", "/Greeter/raw", chunked, body)


_ADMIN_PATHS = """
/ /v2 /v4 /v5/health /v0/health /v2/ //health /health/ /./health /Health /health?x /deployments /deployments/x
/deployments/dp_1 /deployments/dp_10000000000000000000000 /deployments/%FF /deployments/%00 /services
/services/%47reeter /services/%FF /services/a%2Fb /services/Greeter/handlers/ /services/Counter/state /invocations
/invocations/x /invocations/%FF/kill /invocations/inv_1000000000000000000000000000000000/x /query http://x/health
"""

_MODES = ["Cancel", "cancel", "KILL", "x", "", "Purge&mode=Kill", "purge-journal"]


def _admin() -> Iterator[bytes]:
    for path in _ADMIN_PATHS.split():
        for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"):
            yield request(method, path, {"accept": "application/json"})
    yield request("GET", "/health", {"expect": "foo"})
    some = "/invocations/inv_1" + "0" * 33
    for mode in _MODES:
        yield request("DELETE", f"{some}?mode={mode}")
    for query in ("deployment=", "deployment=x", "deployment=Latest", "from=-1", "from=99999999999"):
        yield request("PATCH", f"{some}/restart-as-new?{query}")
    for kind in ("application/x+json", "application/vnd.api+json", "application/json;", "text/json", "*/*", ""):
        headers = {"content-type": kind, "accept": "application/json"}
        yield request("POST", "/query", headers, b'{"query":"select 1 as a"}')
    for body in (
        b"",
        b"{",
        b"\xef\xbb\xbf{}",
        b"\xff",
        b"null",
        b'{"uri":""}',
        b'{"uri":"http://"}',
        b'{"uri":"http://a b"}',
    ):
        yield request("POST", "/deployments", JSON, body or b" ")
        yield request("PATCH", "/services/Nope", JSON, body or b" ")
        yield request("PUT", "/deployments/dp_1" + "0" * 22, JSON, body or b" ")


INGRESS = list(_ingress())
ADMIN = list(_admin())

UNLIKE = {
    "a method in lower case": request("post", "/Greeter/nothing"),
    "a method of nobody": request("FOO", "/Greeter/nothing"),
    "CONNECT": request("CONNECT", "/Greeter/nothing"),
    "no path": request("POST", "*"),
    "UTF-8 in a path": request("POST", "/Counter/\xc3\xa9/get"),
    "a path of 66,000 bytes": request("POST", f"/Counter/{'k' * 66_000}/get"),
    "150 headers": request("POST", "/Greeter/nothing", [(f"x-{number}", "1") for number in range(150)]),
    "two content types": request("POST", "/Greeter/nothing", [("content-type", "a/b"), ("content-type", "a/b")]),
    "two hosts": request("POST", "/Greeter/nothing", [("host", "localhost")]),
    "no host": b"POST /Greeter/nothing HTTP/1.1\r\n\r\n",
    "bare line feeds": b"POST /Greeter/nothing HTTP/1.1\nhost: localhost\n\n",
    "two blanks": b"POST  /Greeter/nothing HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "HTTP/0.9": b"POST /Greeter/nothing HTTP/0.9\r\nhost: localhost\r\n\r\n",
    "two lengths": request("POST", "/Greeter/raw", [("content-length", "3"), ("content-length", "3")], b"abc"),
    "a length and chunks": request(
        "POST", "/Greeter/raw", {"content-length": "3", "transfer-encoding": "chunked"}, b"0\r\n\r\n"
    ),
    "a chunk without a size": request(
        "POST", "/Greeter/raw", {"transfer-encoding": "chunked"}, b"zz\r\nabc\r\n0\r\n\r\n"
    ),
    "a control character": request("POST", "/Greeter/headers", {"x-a": "a\x01b"}),
    "a folded header": request("POST", "/Greeter/headers", {"x-a": "a\r\n b"}),
    "no header": request("POST", "/Greeter/headers", [("x-a\r\nx-b", "1")]),
}
"""What hyper (restate-server) and aiohttp's parser (here) take as different things. Each is answered by both."""
