"""What the world's libraries do, by symbol: the tables that rules look into."""

from __future__ import annotations

from typing import Final

__all__ = [
    "BLOCKING",
    "CLOCKS",
    "ENVIRONMENT",
    "FILES",
    "RANDOM",
    "UUIDS",
    "is_file",
    "is_network",
    "is_process",
    "is_thread",
]

CLOCKS: Final = {
    **dict.fromkeys(
        ["time.time", "time.time_ns", "time.clock_gettime", "time.clock_gettime_ns"], "(await ctx.now()).timestamp()"
    ),
    **dict.fromkeys(
        ["time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.perf_counter_ns", "time.process_time",
         "time.process_time_ns", "time.thread_time"],
        "asyncio.get_running_loop().time()",
    ),
    **dict.fromkeys(
        ["datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "django.utils.timezone.now",
         "pendulum.now", "arrow.utcnow", "arrow.now", "pandas.Timestamp.now", "pandas.Timestamp.utcnow",
         "whenever.Instant.now", "freezegun.api.real_datetime.now"],
        "await ctx.now()",
    ),
    **dict.fromkeys(["datetime.date.today", "pendulum.today"], "(await ctx.now()).date()"),
}  # fmt: skip
"""And the durable counterpart."""

CLOCKS_WITHOUT_ARGUMENTS: Final = {"time.localtime", "time.gmtime", "time.ctime", "time.asctime", "time.strftime"}
"""Which read the clock only if no time is given; ``strftime`` has a format before it."""

RANDOM: Final = ("random.", "secrets.", "numpy.random.", "os.urandom", "faker.", "ulid.", "nanoid.", "shortuuid.")
RANDOM_CLASSES: Final = {"random.Random", "numpy.random.default_rng", "numpy.random.RandomState"}
"""Deterministic once they are given a seed."""
UUIDS: Final = {
    "uuid.uuid1",
    "uuid.uuid4",
    "uuid.uuid6",
    "uuid.uuid7",
    "uuid.uuid8",
    "uuid.getnode",
    "uuid6.uuid7",
    "uuid_utils.uuid4",
    "uuid_utils.uuid7",
}

ENVIRONMENT: Final = (
    "os.environ", "os.environb", "os.getenv", "os.getenvb", "os.getpid", "os.getcwd", "os.cpu_count", "os.uname",
    "os.getlogin", "os.getloadavg", "socket.gethostname", "socket.getfqdn", "platform.", "sys.argv", "getpass.",
    "dotenv.", "decouple.config", "psutil.", "shutil.disk_usage",
)  # fmt: skip

FILES: Final = {
    "builtins.open", "io.open", "os.open", "os.listdir", "os.scandir", "os.walk", "os.remove", "os.unlink",
    "os.rename", "os.replace", "os.mkdir", "os.makedirs", "os.rmdir", "os.removedirs", "os.stat", "os.lstat",
    "os.link", "os.symlink", "os.chmod", "os.truncate", "os.path.exists", "os.path.isfile", "os.path.isdir",
    "os.path.getsize", "os.path.getmtime", "os.read", "os.write", "os.access", "glob.glob", "glob.iglob",
    "aiofiles.open", "anyio.open_file", "codecs.open", "gzip.open", "bz2.open", "lzma.open", "zipfile.ZipFile",
    "tarfile.open", "sqlite3.connect", "shelve.open", "dbm.open", "fileinput.input", "linecache.getline",
    "pandas.read_csv", "pandas.read_parquet", "pandas.read_excel", "numpy.load", "numpy.save", "PIL.Image.open",
    "tomllib.load", "logging.FileHandler",
}  # fmt: skip
_FILE_MODULES: Final = ("shutil.", "tempfile.", "aiofiles.", "importlib.resources.")
_PATH_METHODS: Final = {
    "read_text", "read_bytes", "write_text", "write_bytes", "open", "exists", "is_file", "is_dir", "stat", "lstat",
    "iterdir", "glob", "rglob", "walk", "mkdir", "touch", "unlink", "rmdir", "rename", "replace", "resolve",
    "samefile", "chmod", "symlink_to", "hardlink_to", "cwd", "home", "expanduser", "owner", "group", "readlink",
}  # fmt: skip
_PATHS: Final = {"pathlib.Path()", "pathlib.PosixPath()", "pathlib.WindowsPath()", "anyio.Path()", "pathlib.Path"}

_NETWORK: Final = (
    "requests.", "httpx.", "aiohttp.", "urllib.request.", "urllib3.", "http.client.", "socket.", "ssl.", "smtplib.",
    "imaplib.", "poplib.", "ftplib.", "telnetlib.", "xmlrpc.client.", "aiosmtplib.", "websockets.", "websocket.",
    "grpc.", "boto3.", "botocore.", "aioboto3.", "aiobotocore.", "redis.", "aioredis.", "valkey.", "pymongo.",
    "motor.", "psycopg.", "psycopg2.", "asyncpg.", "aiomysql.", "pymysql.", "MySQLdb.", "mysql.connector.",
    "aiosqlite.", "sqlalchemy.", "sqlmodel.", "tortoise.", "peewee.", "databases.", "elasticsearch.",
    "opensearchpy.", "cassandra.", "neo4j.", "pika.", "aio_pika.", "kafka.", "aiokafka.", "confluent_kafka.",
    "nats.", "celery.", "stripe.", "twilio.", "slack_sdk.", "sendgrid.", "openai.", "anthropic.", "google.cloud.",
    "google.generativeai.", "azure.", "paramiko.", "asyncssh.", "ldap3.", "dns.", "aiodns.", "niquests.",
    "restate_reflect.ingress.", "asyncio.open_connection", "asyncio.start_server", "asyncio.open_unix_connection",
    "asyncio.start_unix_server", "anyio.connect_tcp", "anyio.create_tcp_listener", "docker.", "kubernetes.",
)  # fmt: skip
_HARMLESS: Final = {
    # Values of these libraries: looking at them reads nothing.
    "Response", "ClientResponse", "Headers", "URL", "QueryParams", "Timeout", "ClientTimeout", "Limits", "Request",
    "Cookies", "Row", "Result", "MetaData", "Table", "Column", "BasicAuth", "ObjectId",
}  # fmt: skip
_MADE_ONLY: Final = {
    # Functions that make something and touch nothing; using what they made does.
    "create_engine", "create_async_engine", "sessionmaker", "async_sessionmaker", "select", "insert", "update",
    "delete", "text", "func", "and_", "or_", "not_", "from_url", "client", "resource", "relationship",
    "mapped_column", "declarative_base", "create_default_context", "literal", "case", "cast", "column", "table",
    "join", "desc", "asc", "exists", "values", "bindparam", "union", "distinct",
}  # fmt: skip

_THREADS: Final = (
    "threading.Thread", "threading.Timer", "threading.Event", "threading.Lock", "threading.RLock",
    "threading.Condition", "threading.Semaphore", "threading.Barrier", "concurrent.futures.", "multiprocessing.",
    "asyncio.to_thread", "anyio.to_thread.", "anyio.from_thread.", "anyio.to_process.", "queue.Queue",
    "queue.LifoQueue", "queue.PriorityQueue", "queue.SimpleQueue", "asgiref.sync.", "asyncer.asyncify",
    "starlette.concurrency.run_in_threadpool", "fastapi.concurrency.run_in_threadpool", "joblib.", "_thread.",
    "asyncio.run_coroutine_threadsafe", "asyncio.wrap_future",
)  # fmt: skip
_PROCESSES: Final = (
    "subprocess.", "os.system", "os.popen", "os.spawn", "os.exec", "os.fork", "os.posix_spawn", "os.kill", "os.wait",
    "pty.", "asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell", "anyio.run_process",
    "anyio.open_process", "pexpect.", "sh.",
)  # fmt: skip
BLOCKING: Final = {
    "time.sleep": "await asyncio.sleep(…)",
    "builtins.input": "an awakeable, a promise or a signal",
    "asyncio.run": "await",
    "anyio.run": "await",
    "signal.pause": "an awakeable",
    "select.select": "a step",
    "gevent.sleep": "await asyncio.sleep(…)",
    "trio.sleep": "await asyncio.sleep(…)",
}


def is_file(symbol: str) -> bool:
    """Whether a call of it reads or writes files."""
    owner, _, method = symbol.rpartition(".")
    if owner in _PATHS:
        return method in _PATH_METHODS
    return symbol in FILES or symbol.startswith(_FILE_MODULES)


def is_thread(symbol: str) -> bool:
    """Whether it leaves the loop for a thread."""
    in_executor = symbol.endswith((".run_in_executor", ".call_soon_threadsafe")) and "asyncio" in symbol
    return in_executor or symbol.startswith(_THREADS)


def is_process(symbol: str) -> bool:
    """Whether a call of it starts or touches a process."""
    last = symbol.rpartition(".")[2]
    return symbol.startswith(_PROCESSES) and (last == "Popen" or not last[:1].isupper())


def is_network(symbol: str) -> bool:
    """Whether a call of it talks to somebody: a function of such a library, or a method of what one made."""
    if not symbol.startswith(_NETWORK):
        return False
    *owners, last = symbol.replace("()", "").split(".")
    if _HARMLESS.intersection(owners) or last in _MADE_ONLY or last in _HARMLESS:
        return False
    # A class's name: to make one is harmless, except where the constructor connects.
    return not last[:1].isupper() or last in {
        "SMTP",
        "SMTP_SSL",
        "IMAP4",
        "IMAP4_SSL",
        "FTP",
        "Telnet",
        "HTTPConnection",
        "HTTPSConnection",
    }
