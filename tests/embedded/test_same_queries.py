"""``POST /query``: the same answers on both engines, as JSON and as Arrow; and what is answered without libraries."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from arro3.core import Table
from arro3.io import read_ipc_stream

from restate_reflect import (
    Context,
    ObjectContext,
    ObjectSharedContext,
    TerminalError,
    WorkflowContext,
    WorkflowSharedContext,
    service,
)
from restate_reflect.embedded import RuntimeSettings
from restate_reflect.embedded.query import sql as queries
from restate_reflect.protocol.versions import ProtocolVersion
from restate_reflect.server import RestateServer, ServerSettings
from tests.embedded.served import ServedRuntime
from tests.support import Answer, ServedInThread, fetch

pytestmark = pytest.mark.slow


# What waits stays running on both, however long a busy machine takes.
waiting = service(inactivity_timeout=timedelta(hours=1))


@waiting
class Counter:
    async def add(self, ctx: ObjectContext, amount: int) -> int:
        total = await ctx.get("total", int, default=0) + amount
        ctx.set("total", total)
        ctx.set("name", "x")
        return total

    async def hold(self, ctx: ObjectContext) -> str:
        return await ctx.awakeable(str)

    async def get(self, ctx: ObjectSharedContext) -> int | None:
        return await ctx.get("total", int)


async def one() -> int:
    return 1


async def breaks() -> int:
    raise ValueError("broken")


@waiting
class Greeter:
    async def greet(self, ctx: Context, name: str) -> str:
        await ctx.run("step", one)
        await ctx.call(Counter.add, 1, key="g")
        ctx.send(Counter.add, 1, key="g", delay=timedelta(hours=1))
        await asyncio.sleep(0.01)
        return name

    async def wait(self, ctx: Context) -> str:
        return await ctx.awakeable(str)

    async def fail(self, ctx: Context) -> None:
        await ctx.run("breaks", breaks)

    async def refuse(self, ctx: Context) -> None:
        raise TerminalError("no", 409, metadata={"a": "b"})


@waiting
class Flow:
    async def run(self, ctx: WorkflowContext, number: int) -> int:
        ctx.set("number", number)
        return await ctx.promise("p", int)

    async def done(self, ctx: WorkflowSharedContext, number: int) -> None:
        await ctx.promise("p", int).resolve(number)


def ask(url: str, sql: str, accept: str = "application/json") -> Answer:
    return fetch(f"{url}/query", {"query": sql}, headers={"accept": accept})


def begin(engine: Any, endpoint: str) -> None:
    """Invocations in every status, and what they leave behind."""
    assert fetch(f"{engine.admin_url}/deployments", {"uri": endpoint}).status == 201
    fetch(f"{engine.ingress_url}/Counter/a/add", 5)
    fetch(f"{engine.ingress_url}/Greeter/greet", "x")
    fetch(f"{engine.ingress_url}/Greeter/refuse")
    fetch(f"{engine.ingress_url}/Counter/a/hold/send")
    fetch(f"{engine.ingress_url}/Counter/a/add/send", 1)
    fetch(f"{engine.ingress_url}/Greeter/wait/send")
    fetch(f"{engine.ingress_url}/Greeter/fail/send")
    fetch(f"{engine.ingress_url}/Greeter/wait/send?delay=1h")
    fetch(f"{engine.ingress_url}/Flow/w/run/send", 1)
    _until(engine.admin_url, "SELECT id FROM sys_invocation WHERE retry_count > 2 AND last_failure IS NOT NULL")
    _until(engine.admin_url, "SELECT key FROM sys_promise")
    _until(engine.admin_url, "SELECT id FROM sys_inbox")


def _until(url: str, sql: str) -> None:
    end = time.monotonic() + 30
    while not ask(url, sql).json["rows"]:
        assert time.monotonic() < end, sql


@pytest.fixture(scope="module")
def engines() -> Iterator[tuple[Any, Any]]:
    """Both, with the same invocations."""
    settings = RuntimeSettings(max_protocol_version=ProtocolVersion.V6)
    with (
        ServedInThread(Counter, Greeter, Flow) as endpoint,
        ServedRuntime(settings=settings) as here,
        RestateServer(ServerSettings()) as there,
    ):
        for engine in (here, there):
            begin(engine, endpoint.url)
        yield here, there


SAME = r"""
describe sys_service
show columns from state
SHOW COLUMNS IN sys_service
select count(*) as n from information_schema.columns
select table_name, column_name, data_type from information_schema.columns order by table_name, ordinal_position
select table_name from information_schema.tables where table_schema = 'public' order by table_name
select count(*), count(1), 'x', 1, 1.5, null, true, 1=1, id is not null, id is null from sys_invocation group by id limit 1
select length(target), upper(status), min(target) from sys_invocation where target = 'Greeter/greet' group by target, status
select completion_retention as kept, journal_retention from sys_invocation limit 1
select id from sys_invocation where created_at > '2096-01-01' and created_at < '2026-01-01T00:00:00Z'
select count(*) as n from sys_invocation where created_at > now() - interval '1 hour'
select count(*) as n from sys_invocation where created_at between '2020-01-01' and '2096-01-01T00:00:00Z'
select count(*) as n from sys_invocation where now() - created_at < interval '30 minutes'
select count(*) as n from sys_invocation where status LIKE 'COM%'
select count(*) as n from sys_invocation where status ILIKE 'COM%'
select sum(journal_size) as s, avg(journal_size) as a from sys_invocation where target = 'Greeter/greet'
select 1 as a where date_trunc('hour', now()) <= now()
select 1 as a where date_bin(interval '1 hour', now()) <= now() and to_unixtime(now()) > 1700000000
select id is null as b, retry_count > 1 as c from sys_invocation where target = 'Greeter/greet'
SELECT COUNT(1) FROM (SELECT * FROM sys_invocation inv LIMIT 50000) WHERE inv.target = 'Greeter/greet'
SELECT target_service_name, status, COUNT(1) as n, FIRST_VALUE(target ORDER BY created_at ASC) as oldest FROM sys_invocation WHERE target != 'Greeter/fail' GROUP BY target_service_name, status ORDER BY target_service_name, status
SELECT FIRST_VALUE(target ORDER BY target DESC) as f, LAST_VALUE(target ORDER BY target DESC) as l FROM sys_invocation
select target, status from sys_invocation_status order by target, status
select target, status from sys_invocation where status != 'backing-off' and target != 'Greeter/fail' order by target, status
select service_name, service_key, key, value_utf8, value, key_length, value_length from state order by service_name, service_key, key
select name, revision, public, ty from sys_service order by name
select ty, endpoint, min_service_protocol_version, max_service_protocol_version from sys_deployment
select service_name, service_key from sys_keyed_service_status
select service_name, service_key, key, completed from sys_promise
select service_name, service_key, sequence_number from sys_inbox
select event_type, event_json, after_journal_entry_index from sys_journal_events
select j.index, j.entry_type, j.name, j.version, j.entry_lite_json, j.entry_json from sys_journal j join sys_invocation i on i.id = j.id where i.target = 'Greeter/refuse' and j.index > 0
select j.index, j.entry_type, j.name, j.version, j.raw, j.raw_length from sys_journal j join sys_invocation i on i.id = j.id where i.target = 'Flow/w/run' and j.index > 0 order by index
select j.index, j.entry_type, j.name from sys_journal j join sys_invocation i on i.id = j.id where i.target = 'Greeter/greet' order by j.index desc
with done as (select target from sys_invocation where status = 'completed') select count(*) as n from done
select target from sys_invocation where target_service_name in (select name from sys_service where ty = 'virtual_object') order by target
select i.target, d.id is not null as there from sys_invocation i left join sys_deployment d on d.id = i.pinned_deployment_id where i.status = 'completed' order by i.target
select cast(1 as string) as s, 7/2 as d, 7%2 as m, 'a'||'b' as c, upper('x') as u, coalesce(null,'y') as y
select case when 1=1 then 'a' else 'b' end as c, substr('hello',2,3) as s, char_length('abc') as l, greatest(1,2) as g, concat_ws('-','a','b') as w
select last_failure, last_failure_error_code, last_failure_related_command_index as i, last_failure_related_command_name as n, last_failure_related_command_type as t from sys_invocation where target = 'Greeter/fail' and last_failure is not null
select row_number() over (order by target, id) as n, target from sys_invocation where target = 'Greeter/greet'
select sum(case when status = 'completed' then 1 else 0 end) as c from sys_invocation
select distinct target_service_ty from sys_invocation order by 1
select target, count(*) from sys_invocation group by target having count(*) > 1 order by 2 desc, 1
select target from sys_invocation union all select name from sys_service order by 1
select * from sys_rules
select target from sys_invocation where status = 'completed' order by scheduled_start_at, target limit 3
select invoked_by, invoked_by_service_name, invoked_by_target from sys_invocation where target = 'Counter/g/add' order by created_at
select completion_result, completion_failure from sys_invocation where status = 'completed' order by target
SELECT SUM(CASE WHEN status = 'inboxed' THEN 1 ELSE 0 END) AS inboxed, SUM(CASE WHEN status = 'scheduled' THEN 1 ELSE 0 END) AS scheduled, SUM(CASE WHEN status = 'invoked' THEN 1 ELSE 0 END) AS invoked FROM sys_invocation_status WHERE status IN ('inboxed', 'scheduled', 'invoked')
SELECT SUM(CASE WHEN in_flight IS NOT TRUE AND retry_count > 0 THEN 1 ELSE 0 END) AS failing FROM sys_invocation_state WHERE retry_count > 1000
SELECT to_unixtime(date_bin(INTERVAL '86400 seconds', completed_at, TIMESTAMP '1970-01-01T00:00:00')) > 0 AS bucket, COUNT(1) FILTER (WHERE completion_result = 'success') AS succeeded, COUNT(1) FILTER (WHERE completion_result = 'failure') AS failed FROM sys_invocation_status WHERE status = 'completed' AND completed_at >= '2026-01-01T00:00:00Z' AND completed_at < '2096-01-01T00:00:00.000Z' GROUP BY bucket
SELECT target, CASE WHEN status = 'scheduled' THEN NULL ELSE COALESCE(completed_at, now()) - COALESCE(scheduled_start_at, created_at) END IS NOT NULL AS duration FROM sys_invocation WHERE target != 'Greeter/fail' ORDER BY target, status
SELECT COUNT(*) AS size FROM sys_inbox WHERE service_key = 'a' AND service_name = 'Counter'
SELECT DISTINCT key FROM state WHERE service_name = 'Counter' AND service_key IN ('a') GROUP BY key ORDER BY key
select key from state where key like 'tot\_l' or key like 'n%e' order by key
select 'a_b' like 'a\_b' as y, 'acb' like 'a\_b' as n, 'a%b' ilike 'A\%B' as i
select cast(partition_key as varchar) not like '-%' as u from sys_invocation_status where target != 'nobody' limit 3
select trim('  x ') as t, replace('abc','b','x') as r, left('hello',2) as l, right('hello',2) as e, strpos('hello','l') as p, nullif(1,1) as n, abs(-1) as a, round(1.6) as o
select target in ('Greeter/greet') as i, target between 'A' and 'Z' as b from sys_invocation where target='Greeter/greet'
"""  # noqa: E501 - statements, as clients send them


@pytest.mark.server
def test_statements_have_the_same_answer(engines: tuple[Any, Any]) -> None:
    """Rows, names and order of columns, types of values."""
    for sql in SAME.strip().splitlines():
        here, there = (_answer(engine, sql) for engine in engines)
        end = time.monotonic() + 30
        while here != there and time.monotonic() < end:  # one invocation is tried again and again
            here, there = (_answer(engine, sql) for engine in engines)
        assert here == there, sql


def _answer(engine: Any, sql: str) -> tuple[int, list[str]]:
    answer = ask(engine.admin_url, sql)
    return answer.status, _words(answer)


FUNCTIONS = r"""
select date_trunc('day', timestamp '2026-03-04T05:06:07.089Z') as d
select date_trunc('hour', created_at) <= created_at as d from sys_invocation where target = 'Greeter/greet'
select date_trunc('month', timestamp '2026-03-04T05:06:07Z') as d, date_trunc('week', timestamp '2026-03-04T05:06:07Z') as w, date_trunc('year', timestamp '2026-03-04T05:06:07Z') as y, date_trunc('quarter', timestamp '2026-05-04T05:06:07Z') as q
select to_timestamp('2026-03-04T05:06:07Z') as t, to_timestamp(1) as s, to_timestamp_millis(1500) as m, to_timestamp_seconds(15) as n, from_unixtime(1) as f
select date_part('year', timestamp '2026-03-04T05:06:07Z') as y, date_part('hour', timestamp '2026-03-04T05:06:07Z') as h, date_part('dow', timestamp '2026-03-04T05:06:07Z') as d, date_part('doy', timestamp '2026-03-04T05:06:07Z') as n, date_part('quarter', timestamp '2026-03-04T05:06:07Z') as q
select to_char(timestamp '2026-03-04T05:06:07Z', '%Y-%m-%d %H:%M') as c
select now() > created_at as n from sys_invocation where target = 'Greeter/greet'
select regexp_like('abc', 'B', 'i') as a, regexp_like('abc', '^b') as b, regexp_count('abcabc', 'b') as c
select target from sys_invocation where regexp_like(target, '^Greeter/gr')
select target from sys_invocation where target ~ '^Greeter/gr' and target !~ 'x' and target ~* 'GREET'
select regexp_replace('aXbX', 'X', '-') as a, regexp_replace('aXbX', 'x', '-', 'gi') as b
select regexp_match('abc123', '([a-z]+)([0-9]+)') as m
select lpad('a', 3, '-') as l, rpad('a', 3, '-') as r, reverse('abc') as v, repeat('ab', 2) as p, initcap('hello world') as i
select contains('abc', 'b') as c, starts_with('abc', 'a') as s, ends_with('abc', 'c') as e
select length('abc') as l, octet_length('é') as o, bit_length('a') as b, ascii('a') as a, chr(65) as c
select overlay('abc' placing 'x' from 2) as o, translate('abc', 'ab', 'xy') as t, split_part('a,b', ',', 2) as s, concat('a', 1, null) as c
select encode('abc', 'hex') as h, encode('abc', 'base64') as b, md5('a') as m
select array_length(services) as n, cardinality(services) as c, array_has(services, 'Counter') as h from sys_deployment
select array_to_string(services, ',') <> '' as n, services[1] is not null as m from sys_deployment
select make_array(1,2,3) as a
select string_agg(target, ',' order by target) as s from sys_invocation where status = 'completed'
select array_agg(target order by target) as s from sys_invocation where status = 'completed'
select median(journal_size) >= 0 as m, stddev(1.0) as s, approx_distinct(target) > 1 as a from sys_invocation
select try_cast('x' as int) as t, uuid() is not null as u, random() < 1 as r
select signum(-2) as s, t.x from (select 1) as t(x)
with n(x) as (select 1), m(y) as (select 2) select x, y, cast('a' as char(5)) as c from n, m
select count(*) as n from sys_service where exists (select 1 from sys_deployment) and 1 in (select 1)
"""  # noqa: E501

LENGTHS = r"""
select interval '1 hour' as i
select interval '90 minutes' as i
select interval '1 day 2 hours' as i
select interval '1 month' as i
select interval '500 milliseconds' as i
select interval '-5 seconds' as i
select interval '1.5 seconds' as i
select interval '0 seconds' as i
select interval '1 year 2 months 3 days 4 hours 5 minutes 6.007 seconds' as i
select interval '26 hours' as i
select interval '1 hour' + interval '30 minutes' as i
select now() - now() as i
select timestamp '2026-03-04T05:06:07Z' - timestamp '2026-03-03T04:05:06.5Z' as i
select timestamp '2026-03-03T04:05:06Z' - timestamp '2026-03-04T05:06:07.25Z' as i
select timestamp '2026-03-04T05:06:07Z' + interval '1 month' as i
select sum(completion_retention) as s from sys_invocation
select max(now() - created_at) < interval '1 hour' as s from sys_invocation
select avg(completed_at - created_at) is not null as s from sys_invocation
select date_part('epoch', interval '1 hour') as e
select interval '5' as i
select interval '01:02:03' as i
select interval '1.5 days' as i
select interval '1 week' as i
select interval '-90 minutes' as i
select interval '1.5 months' as i
select interval '1 century 1 decade' as i
select interval '3 d 4 h 5 m 6 s 7 ms 8 us 9 ns' as i
select interval '1d2h' as i
select interval '' as i
select interval 'x' as i
select timestamp '2026-03-31T05:06:07Z' - interval '1 month' as i
select timestamp '2026-03-31T05:06:07Z' + interval '1 month 2 days 3 hours' as i
select timestamp '2024-02-29T00:00:00Z' + interval '1 year' as i
select created_at > now() - interval '1 month' as i from sys_invocation limit 1
select created_at + interval '1 month' > now() as i from sys_invocation limit 1
select created_at - created_at as i from sys_invocation limit 1
select journal_retention, cast(journal_retention as varchar) as v from sys_invocation where target = 'Counter/a/add'
select (now() - created_at) < interval '1 month' as i from sys_invocation limit 1
select interval '1 hour' < interval '2 hours' as i
select interval '1 hour' = interval '60 minutes' as i
select sum(created_at - created_at) as s, min(created_at - created_at) as m, avg(created_at - created_at) as a from sys_invocation
select now() + interval '1 hour' - now() as i
select -interval '1 hour' as i
select cast(interval '90 minutes' as varchar) as i
"""  # noqa: E501


@pytest.mark.server
def test_lengths_of_time_are_read_added_and_shown_alike(engines: tuple[Any, Any]) -> None:
    """The difference of two times is one; an interval is told in words; months go by the calendar."""
    for sql in LENGTHS.strip().splitlines():
        here, there = (ask(engine.admin_url, sql) for engine in engines)
        assert (here.status, here.json) == (there.status, there.json), sql


SELDOM = r"""
select json_get_str('{"a":{"b":["x","y"]}}', 'a', 'b', 1) as s
select json_get_int('{"a":"3x"}', 'a') as a, json_get_int('{"a":true}', 'a') as b, json_get_int('{"a":3.0}', 'a') as c, json_get_int('{"a":99999999999999999999}', 'a') as d
select json_get_float('{"a":"3.5"}', 'a') as a, json_get_float('{"a":3.5}', 'a') as b, json_get_float('{"a":true}', 'a') as c
select json_get_bool('{"a":1}', 'a') as a, json_get_bool('{"a":"true"}', 'a') as b, json_get_bool('{"a":false}', 'a') as c
select json_get_json('{"a": {"b": 1 } }', 'a') as a, json_get_json('{"a":"x"}', 'a') as b, json_get_json('{"a":null}', 'a') as c, json_get_json('[1, 2]', 0) as d, json_get_json('[1, 2]', -1) as e
select json_as_text('{"a":1.50}', 'a') as a, json_as_text('{"a":null}', 'a') as b, json_as_text('{"a":true}', 'a') as c, json_as_text('{"a":{"x" : 1}}', 'a') as d
select json_length('3') as a, json_length('"abc"') as b, json_length('{"a":{"b":1,"c":2}}', 'a') as c, json_length('[]') as d
select json_contains('{"a":null}', 'a') as a, json_contains('[1]', 0) as b, json_contains('[1]', 1) as c, json_contains('x', 'a') as d
select json_object_keys('[1]') as a, json_object_keys('{"b":1,"a":2}') as b, json_object_keys('{}') as c
select json_get_array('{"a":1}', 'a') as a, json_get_array('[1, [2]]') as b
select '{"a":{"b":"x"}}' ->> 'a' as a, '{"a":1}' ->> 'a' as b, '["x","y"]' ->> 1 as c
select '{"a":{"b":"x"}}' -> 'a' ->> 'b' as a
select ('{"a":{"b":"x"}}' -> 'a' ->> 'b') = 'x' as a
select json_get('{"a":{"b":3}}', 'a', 'b')::int + 1 as j, json_get('{"a":"x"}', 'a')::varchar as t, json_get('{"a":2.5}', 'a')::double as f, json_get('{"a":true}', 'a')::boolean as b
select key from state where json_get_int(value_utf8) = 5
select json_get_int(value_utf8) as v from state where key = 'total' order by 1
select sum(json_get_int(value_utf8)) as s from state where key = 'total'
select array_sort(make_array(3,1,2)) as a, array_append(make_array(1), 2) as b, array_prepend(1, make_array(2)) as c
select array_distinct(make_array(3,1,1,2)) as d, array_concat(make_array(1), make_array(2)) as c, array_remove(make_array(1,2,1), 1) as r
select array_reverse(make_array(1,2)) as r, array_max(make_array(1,3,2)) as m, array_min(make_array(2,1)) as n, empty(make_array()) as e, empty(make_array(1)) as f
select array_slice(make_array(1,2,3,4), 2, 3) as s, array_element(make_array('a','b'), 2) as e, array_repeat('a', 2) as r
select array_has_all(make_array(1,2), make_array(1)) as a, array_has_any(make_array(1,2), make_array(3,2)) as b, array_intersect(make_array(1,2), make_array(2,3)) as i, array_union(make_array(1,2), make_array(2,3)) as u, array_except(make_array(1,2), make_array(2)) as e
select range(1,4) as r, generate_series(1,3) as g, range(3) as o, range(0, 10, 3) as s
select flatten(make_array(make_array(1),make_array(2))) as f, string_to_array('a,b,,', ',') as s
select array_sort(services) as a, array_length(array_append(services, 'x')) as l, array_to_string(array_sort(services), '-') as t from sys_deployment
select levenshtein('kitten','sitting') as l, find_in_set('b','a,b') as f, find_in_set('x','a,b') as g, substr_index('a.b.c','.',2) as s, substring_index('a.b.c','.',-1) as i
select to_hex(255) as h, gcd(4,6) as g, lcm(4,6) as l, factorial(4) as f, cbrt(8.0) as c, pi() as p, power(2,3) as q, trunc(1.5) as t, log10(100.0) as lg
select log2(8.0) as a, log(100.0) as b, log(2.0, 8.0) as c, degrees(0.0) as d, radians(0.0) as r, sin(0.0) as s, cot(1.0) > 0 as t, tanh(0.0) as h
select nanvl(1.0,2.0) as n, isnan(1.0) as i, iszero(0.0) as z, today() > '2020-01-01' as t, btrim(' x ') as b, instr('abc','c') as s
select sha224('a') as a, sha256('a') as b, sha384('a') as c, sha512('a') as d
select digest('a','md5') as d, digest('a', 'sha256') as e
select bool_and(journal_size >= 0) as a, bool_or(journal_size < 0) as o, bit_and(1) as b, bit_or(2) as c, bit_xor(3) as x from state, sys_invocation
select var_pop(x) as a, var(x) as b, stddev_pop(x) as c, stddev_samp(x) as d, mean(x) as m from (select 1.0 as x union all select 2.0 union all select 4.0) as t
select percentile_cont(0.5) within group (order by x) as a, approx_median(x) as c from (select 1.0 as x union all select 2.0 union all select 4.0) as t
select approx_percentile_cont(0.95) within group (order by x) as a, approx_percentile_cont(x, 0.5) as b, quantile_cont(x, 0.5) as q from (select 1.0 as x union all select 2.0 union all select 4.0) as t
select decode('616263', 'hex') as d, cast(decode('YWJj', 'base64') as varchar) as e
select arrow_typeof(1) as t
select arrow_typeof('a') as t
select arrow_typeof(now()) as t
select arrow_typeof(completion_retention) as t from sys_invocation limit 1
select arrow_typeof(created_at) as t, arrow_typeof(id) as i, arrow_typeof(retry_count) as r, arrow_typeof(pinned_service_protocol_version) as p from sys_invocation limit 1
select arrow_typeof(services) as t from sys_deployment limit 1
select arrow_typeof(value) as t from state limit 1
select arrow_typeof(count(*)) as c from state
select arrow_typeof(interval '1 hour') as i
select id, unnest(services) as u from sys_deployment where 1=2
select unnest(make_array(1,2)) as u
select count(*) as n from (select unnest(services) as u from sys_deployment) as t
select upper(u) as u from (select unnest(services) as u from sys_deployment) as t order by 1
select corr(x, y) as c, covar_pop(x, y) as p from (select 1.0 as x, 2.0 as y union all select 2.0, 4.0 union all select 4.0, 7.0) as t
select 'xabcx' similar to 'abc' as a, 'abc' similar to 'ABC' as b, 'a_c' similar to 'a_c' as d, 'abc' not similar to 'b' as e
select json_get_str('{"a":true}', 'a') as a, json_get_str('{"a":null}', 'a') as b, json_get_str('nope', 'a') as c, json_get_str('{"b" : [ 1 , {"c":"d"} ] , "a" : "x"}', 'a') as d
select json_get_str(j.entry_json, 'Command', 'Output', 'name') as n, json_get(j.entry_json, 'Command') is not null as c, json_length(j.entry_json) as l from sys_journal j join sys_invocation i on i.id = j.id where i.target = 'Greeter/refuse' order by j.index
"""  # noqa: E501


@pytest.mark.server
def test_functions_that_are_seldom_used_have_the_same_answer(engines: tuple[Any, Any]) -> None:
    """Of JSON, lists, numbers and many rows; what is unnested; and how Arrow calls a type."""
    for sql in SELDOM.strip().splitlines():
        here, there = (ask(engine.admin_url, sql) for engine in engines)
        assert (here.status, here.json) == (there.status, there.json), sql


STATEMENTS = r"""
select target, count(*) filter (where status='completed') as done, count(*) as n from sys_invocation group by target order by target
select target, sum(journal_size) filter (where journal_size > 2) as s from sys_invocation where status='completed' group by target order by s desc nulls last, target
select i.target, count(j.index) as n from sys_invocation i left join sys_journal j on j.id=i.id where i.status='completed' group by i.target order by n desc, i.target
select i.target from sys_invocation i right join sys_service s on s.name=i.target_service_name where i.status='completed' order by i.target
select a.name, b.name from sys_service a full outer join sys_service b on a.name=b.name and a.name<>'Flow' order by a.name nulls first, b.name nulls first
select a.name as x, b.name as y from sys_service a cross join sys_service b order by x, y limit 3 offset 2
select name from sys_service order by name desc limit 1 offset 1
select name from sys_service order by name offset 2
select name, row_number() over (order by name desc) as r, rank() over (order by ty) as k, dense_rank() over (order by ty) as d from sys_service order by name
select name, lag(name) over (order by name) as p, lead(name, 1, 'none') over (order by name) as n from sys_service order by name
select name, ntile(2) over (order by name) as t, percent_rank() over (order by name) as p, cume_dist() over (order by name) as c from sys_service order by name
select name, first_value(name) over (partition by ty order by name) as f, last_value(name) over (order by name rows between unbounded preceding and unbounded following) as l, nth_value(name, 2) over (order by name rows between unbounded preceding and unbounded following) as s from sys_service order by name
select name, sum(revision) over (order by name rows between 1 preceding and current row) as s, avg(revision) over (partition by ty) as a, count(*) over () as c from sys_service order by name
select name, min(name) over (order by name range between unbounded preceding and current row) as m, max(name) over w as x from sys_service window w as (order by name) order by name
select ty, array_agg(name order by name) as names, string_agg(name, '|' order by name desc) as s from sys_service group by ty order by ty
with a as (select name from sys_service), b as (select name from a where name like 'C%') select * from b
select name from sys_service except select 'Flow' order by 1
select name from sys_service intersect select 'Flow' order by 1
select name from sys_service union select 'Flow' order by 1
select 'a' as x union all select 'a' order by x
select name from sys_service s where exists (select 1 from sys_invocation i where i.target_service_name=s.name and i.status='suspended') order by name
select name from sys_service s where not exists (select 1 from sys_invocation i where i.target_service_name=s.name and i.status='scheduled') order by name
select name, (select count(*) from sys_invocation i where i.target_service_name=s.name and i.status='completed') as n from sys_service s order by name
select name from sys_service where name in (select target_service_name from sys_invocation where status='completed') order by name
select name from sys_service where name not in ('Flow','Greeter') order by name
select case ty when 'service' then 1 when 'workflow' then 2 else 3 end as k, name from sys_service order by k, name
select case when revision > 0 then 'pos' end as s, case when false then 1 end as n from sys_service limit 1
select coalesce(null, null, 'x') as c, nullif('a','b') as n, greatest(1,null,3) as g, least('b','a') as l, nvl(null, 2) as v
select ifnull(null, 'x') as a
select name from sys_service where name like '_low' or name like 'G%r' order by name
select name from sys_service where name ilike 'flow' or name not ilike '%e%' order by name
select name from sys_service where name similar to '(F|G)%' order by name
select name from sys_service where name ~ '^[FG]' and name !~* 'GREET' order by name
select regexp_replace('foobar', 'o+', '0') as r, regexp_match('foobar', 'o+') as m, regexp_count('foobar', 'o') as c, regexp_like('foo', 'O', 'i') as l, regexp_instr('foobar','b') as i
select position('b' in 'abc') as p, substring('hello' from 2 for 3) as s, trim(both 'x' from 'xax') as t, ltrim('  a') as l, rtrim('a  ') as r, btrim('xax','x') as b
select upper('ä') as u, lower('Ä') as l, length('äb') as n, octet_length('ä') as o, initcap('foo bar') as i
select concat('a',null,'b') as c, concat_ws(',', 'a', null, 'b') as w, 'a'||1 as p, 'a'||null as z
select repeat('ab',3) as r, reverse('abc') as v, lpad('7',3,'0') as l, rpad('7',3) as p, left('hello',-2) as f, right('hello',-2) as g
select split_part('a-b-c','-',2) as a, split_part('a-b-c','-',-1) as b, strpos('abc','z') as c, starts_with('abc','ab') as d, ends_with('abc','bc') as e
select replace('aaa','a','b') as a, translate('abc','ab','x') as b, ascii('é') as c, chr(233) as d, to_hex(255) as e
select md5('a') as a, sha256('a') as b, encode('a','hex') as c, digest('a','md5') as d
select substr_index('a.b.c','.',2) as a, find_in_set('b','a,b') as b, levenshtein('kitten','sitting') as c
select abs(-1.5) as a, ceil(1.2) as b, floor(-1.2) as c, round(2.567,2) as d, trunc(2.567,1) as e, power(2,10) as f, sqrt(9) as g, mod(7,3) as h
select 7/2 as a, 5 & 3 as f, 5 | 3 as g, 1 << 4 as h
select name from sys_service where name not similar to '(F|G).*' and name not like 'X%' order by name
select count(*) as n from sys_invocation where created_at > date '2026-01-01' and created_at < cast('2096-01-01' as date)
select cast(created_at as date) = cast(now() as date) or true as d, cast(timestamp '2026-01-02T03:04:05' as date) as e from sys_invocation limit 1
select cast(1 as boolean) as a, cast('f' as boolean) as b, cast(null as boolean) as c, date '2026-03-01' - interval '1 day' as d, date '2024-01-31' + interval '1 month' as e
select cast('12' as int) as a, cast(12.9 as int) as b, cast('1.5' as double) as c, cast(1 as varchar) as d, '5'::int as e, cast('true' as boolean) as f, cast(1 as boolean) as g, cast(null as int) as h
select try_cast('x' as int) as a, try_cast('1' as bigint) as b, cast(1.5 as decimal(10,2)) as c, cast('2026-01-02' as date) as d, cast('2026-01-02T03:04:05' as timestamp) as e
select date '2026-01-02' + interval '1 day' as a, timestamp '2026-01-02T03:04:05' - interval '1 hour 30 minutes' as b, date '2026-01-31' + interval '1 month' as c
select interval '1 hour' as a, interval '90 minutes' as b, interval '1 day 2 hours' as c, interval '1 month' as d
select timestamp '2026-01-02T00:00:00' - timestamp '2026-01-01T00:00:00' as a, date '2026-01-02' - date '2026-01-01' as b
select extract(hour from timestamp '2026-01-02T03:04:05') as h, extract(dow from date '2026-01-02') as d, extract(epoch from timestamp '1970-01-01T00:01:00') as e, extract(week from date '2026-01-05') as w, extract(doy from date '2026-02-01') as y
select date_part('minute', timestamp '2026-01-02T03:04:05') as a, date_trunc('day', timestamp '2026-01-02T03:04:05') as b, date_trunc('minute', timestamp '2026-01-02T03:04:05') as c, date_trunc('week', timestamp '2026-01-02T03:04:05') as d
select date_bin(interval '15 minutes', timestamp '2026-01-02T03:14:05', timestamp '2026-01-01T00:00:00') as b
select current_date is not null as a, now() is not null as b, current_timestamp is not null as c, now() - interval '1 day' < now() as d
select count(*) as n from sys_invocation where created_at > now() - interval '7 days' and modified_at <= now()
select target from sys_invocation where status='completed' and completed_at - created_at < interval '1 hour' order by target
select count(distinct target) as a, count(distinct status) > 2 as b, min(target) as c, max(target) as d from sys_invocation
select distinct on (ty) ty, name from sys_service order by ty, name
select name as "Name", ty as "the type" from sys_service order by "Name" limit 1
select s.* from sys_service s join sys_deployment d on d.id=s.deployment_id order by s.name limit 0
select name, revision from sys_service join (select 'Flow' as name) x using (name)
select ty, max(name) as m from sys_service group by ty having count(*) >= 1 and max(name) <> 'x' order by 2
select name, length(name) as l from sys_service order by l desc, name asc nulls first
select not true as a, true and null as b, true or null as c, null is distinct from 1 as d, 1 is not distinct from 1 as e, true is unknown as f, null is null as g
select 1 between 0 and 2 as a, 'b' between 'a' and 'c' as b, 1 in (1,null) as c, 2 in (1,null) as d, not 1=2 as e, 1<>2 as f, 1!=1 as g
select x'ff' as a
select array_length(services) as a, array_position(services, 'Flow') > 0 as b, array_sort(services) as c from sys_deployment
select unnest(array_sort(services)) as s from sys_deployment
select array_append([1,2],3) as a, array_concat([1],[2]) as b, array_slice([1,2,3],1,2) as c, [1,2][1] as d, array_to_string([1,2],'-') as e, array_contains([1],1) as f
select json_extract_path('{"a":1}', 'a') as x
select json_as_text('{"a":[1]}', 'a') as a, json_get_bool('{"a":true}','a') as b, json_get_float('{"a":1.5}','a') as c, json_object_keys('{"a":1,"b":2}') as d
select json_get_str(entry_json, 'Command') is null as a from sys_journal where entry_type = 'Command: Input' limit 1
select index, entry_type from sys_journal j join sys_invocation i using (id) where i.target='Greeter/refuse' and index between 0 and 1 order by index
select key, cast(value_utf8 as int) + 1 as v from state where key='total' order by 2
select service_name, count(*) as n, sum(value_length) as l from state group by 1 order by 1
select service_key, max(case when key='total' then value_utf8 end) as total, max(case when key='name' then value_utf8 end) as name from state where service_name='Counter' group by service_key order by service_key
select id is not null as a, invoked_by from sys_invocation where invoked_by <> 'ingress' and status='completed' limit 1
select target_service_ty as t, target_handler_name as h, count(*) as n from sys_invocation where target_handler_name <> 'fail' group by 1, 2 order by 1, 2
select status, count(*) as n from sys_invocation where target_handler_name <> 'fail' group by status order by n desc, status
select min(created_at) <= max(created_at) as a, max(created_at) - min(created_at) < interval '1 hour' as b from sys_invocation
select date_trunc('year', created_at) = date_trunc('year', now()) as a, count(*) > 1 as b from sys_invocation group by 1
select arrow_typeof(created_at) as a, arrow_typeof(id) as b, arrow_typeof(journal_size) as c, arrow_typeof(retry_count) as d from sys_invocation limit 1
select count(*) from sys_invocation, sys_service where 1=0
select target from sys_invocation tablesample (100) where 1=0
select name from sys_service qualify row_number() over (order by name) = 1
select column_name from information_schema.columns where table_name='sys_service' order by ordinal_position
show columns from sys_service
select version() is not null as v
select current_database() as d
select t.a from (select 1 as a union select 2) t where t.a > 1
select sum(1), avg(1), min('a'), count(null)
"""  # noqa: E501


@pytest.mark.server
def test_statements_of_every_kind_have_the_same_answer(engines: tuple[Any, Any]) -> None:
    """Joins, windows, subqueries, sets, dates, casts, patterns: the same rows, or the same status."""
    differences: list[str] = []
    for sql in STATEMENTS.strip().splitlines():
        here, there = (ask(engine.admin_url, sql) for engine in engines)
        answers = [(each.status, _words(each) if each.status == 200 else None) for each in (here, there)]
        if answers[0] != answers[1]:
            differences.append(f"{sql}\n  server:   {answers[1]}\n  embedded: {answers[0]} {here.body[:200]!r}")
    assert not differences, "\n".join(differences)


@pytest.mark.server
def test_functions_have_the_same_answer(engines: tuple[Any, Any]) -> None:
    """Those that SQLite lacks, or has otherwise: of times, patterns, texts and lists."""
    for sql in FUNCTIONS.strip().splitlines():
        here, there = (ask(engine.admin_url, sql) for engine in engines)
        assert (here.status, here.body if here.status != 200 else _words(here)) == (there.status, _words(there)), sql


def _words(answer: Answer) -> list[str]:
    """Rows as texts, so that 1 is not true, and columns have an order; of what is random only that it is there."""
    return [json.dumps(row) for row in answer.json["rows"]]


@pytest.mark.server
def test_arrow_has_the_same_types_and_values(engines: tuple[Any, Any]) -> None:
    """Of every column of every table, and of what is counted and compared."""
    for table in (
        "sys_invocation",
        "sys_journal",
        "sys_service",
        "sys_deployment",
        "sys_promise",
        "state",
        "sys_inbox",
    ):
        here, there = (str(_table(engine, f"select * from {table}").schema) for engine in engines)
        assert here == there
    for sql in (
        "select count(*) from sys_invocation",
        "select target, created_at is not null as made, journal_size from sys_invocation"
        " where status = 'completed' order by target",
        "select service_name, key, value from state order by service_name, service_key, key",
        "select name, public, revision from sys_service order by name",
        "select target from sys_invocation where target = 'nobody'",
    ):
        ours, theirs = (_table(engine, sql) for engine in engines)
        assert str(ours.schema) == str(theirs.schema), sql
        assert _columns(ours) == _columns(theirs), sql


def _table(engine: Any, sql: str) -> Table:
    answer = ask(engine.admin_url, sql, "application/vnd.apache.arrow.stream")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/vnd.apache.arrow.stream"), answer.body
    return read_ipc_stream(BytesIO(answer.body)).read_all()


def _columns(table: Table) -> list[Any]:
    return [table.column(number).to_pylist() for number in range(table.num_columns)]


MISTAKES = r"""
show columns from nope
describe nope
select key from state wher key = 1
select key b c from state
select * from state limit
select key from state)
select * form state
select count( from state
nonsense
select id from sys_invocation where created_at > '2026'
select id from sys_invocation where created_at > '2026-13-01'
select id from sys_invocation where created_at > 'nonsense text'
select target, status, count(*) from sys_invocation group by status
select target, status, count(*), max(id) from sys_invocation group by status, id
select upper(target) from sys_invocation group by status
select key from state where count(*) > 1
select id from sys_invocation order by count(*)
select targett from sys_invocation
select sys_invocation.targett from sys_invocation
select tarket from sys_service
select key, key from state
select upper(key), upper(key) from state
select 'a' * 2
select id - 1 from sys_invocation
select created_at + 1 from sys_invocation
select created_at + created_at from sys_invocation
select insert_ from state
insert into state values (1,'a','b','c','d',1,'e','f',1)
drop view x
create view x as select 1
truncate table state
select * from (select key from state) as t where nope = 1
with t as (select key from state) select nope from t
select key from state s where exists (select 1 from sys_service where nope = s.key)
select t.key from (select key from state) as t where t.nope = 1
select key from state group by nope
select id from sys_invocation i join sys_invocation_status s on i.id = s.id
select i.id from sys_invocation i join sys_invocation_status s on id = s.id
select i.id from sys_invocation i join sys_invocation_status s on i.idd = s.id
select "Key" from state
selec 1
select 1; select 2
select * from nope
select nonsense from state
select s.nonsense from state s
select x.key from state s
select id from sys_invocation where nonsense = 1
select key from state order by nonsense
select key, count(*) from state
select key from state group by service_name
select count(*) from
select key frm state
select key from state where
select key from state where key =
select (1 from state
select 'a
select "key from state
select key from state limit x
select id from sys_invocation a, sys_invocation_status b
drop table state
create table x (a int)
update state set key = 'a'
delete from state
select 1 +
select 'a' + 1
select key + 1 from state
select target from sys_invocation where created_at > 'nonsense'
select date_trunc('nope', now())
select interval '1 nope'
select max(key) from state where max(key) = 'a'
select * from restate.public.nope
select * from other.state
select 1 as a union select 1, 2
select t.* from state s
select id, id from sys_invocation_status limit 0
select
select *
select count(nonsense) from state
select * from state where key in (select 1, 2)
select (select key, value from state)
"""


@pytest.mark.server
def test_mistakes_are_told_alike(engines: tuple[Any, Any]) -> None:
    """With the same status, and to the last word; even an empty statement."""
    for sql in ("", *MISTAKES.strip().splitlines()):
        here, there = (ask(engine.admin_url, sql) for engine in engines)
        assert (here.status, here.json) == (there.status, there.json), sql
        assert here.status >= 400


NOT_ON_THE_SERVER = r"""
select extract(year from created_at) as y from sys_invocation
select sign(1)
select date_diff('day', now(), now()) as d
select if(true, 1, 2) as x
select hex('a') as x
select date('now') as x
select cast(1 as text) as t, time('now') as x
select json_extract('{}', '$.a')
select group_concat(target) from sys_invocation
select ceiling(1.5)
select ~1 as x
select exists (select 1) as e
select case when exists (select 1) then 1 else 2 end as x
select 1 in (select 1) as x
select sum(case when 1 in (select 1) then 1 else 0 end) as x from sys_service
select nope(1)
"""


@pytest.mark.server
def test_what_only_sqlite_knows_is_refused_as_on_the_server(engines: tuple[Any, Any]) -> None:
    """With the same status, and words in which the server's begin."""
    for sql in NOT_ON_THE_SERVER.strip().splitlines():
        here, there = (ask(engine.admin_url, sql) for engine in engines)
        assert (here.status, there.status) == (500, 500), sql
        assert there.json["message"].startswith(here.json["message"]), sql


@pytest.mark.server
def test_what_can_t_be_added_up_is_refused_as_on_the_server(engines: tuple[Any, Any]) -> None:
    """In words in which the server's begin; it goes on with what each of its types asks for."""
    for sql in ("select sum(key) from state", "select avg(target) as a from sys_invocation"):
        here, there = (ask(engine.admin_url, sql) for engine in engines)
        assert (here.status, there.status) == (400, 400)
        assert there.json["message"].startswith(here.json["message"])


@pytest.mark.server
def test_json_is_answered_to_who_accepts_nothing_else(engines: tuple[Any, Any]) -> None:
    for accept in ("application/json", "*/*", "application/json, */*", "text/html"):
        kinds = {ask(engine.admin_url, "select 1 as a", accept).headers["content-type"] for engine in engines}
        assert len(kinds) == 1, accept


def test_without_libraries_plain_statements_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """As JSON; and it is told what Arrow needs."""
    monkeypatch.setattr(queries, "_folder", lambda module: None)
    with ServedRuntime(Greeter) as served:
        fetch(f"{served.ingress_url}/Greeter/wait/send?delay=1h")
        answer = ask(served.admin_url, "SELECT status, count(*) AS n FROM sys_invocation GROUP BY status")
        assert answer.json == {"rows": [{"status": "scheduled", "n": 1}]}
        refused = ask(served.admin_url, "SELECT 1", "*/*")
    assert refused.status == 501
    assert "pip install 'restate-reflect[local]'" in refused.json["message"]
    assert "accept: application/json" in refused.json["message"]
