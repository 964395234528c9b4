"""Transcoding of uploaded videos."""

import asyncio
import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from random import choice, randint, shuffle
from subprocess import run as execute
from uuid import uuid1, uuid4

from pydantic import BaseModel

from restate_reflect import Context, ObjectContext, State, TerminalError


class Video(BaseModel):
    path: str
    formats: set[str]


class Rendition(BaseModel):
    path: str
    format: str


WORKERS = ["a", "b", "c"]


def scratch() -> Path:
    return Path(tempfile.mkdtemp())  # expect: RR105


def probe(path: str) -> str:
    return subprocess.check_output(["ffprobe", path], text=True)  # expect: RR108


def render(path: str, format: str) -> Rendition:
    """Only ever called in a step."""
    out = f"{path}.{format}"
    subprocess.run(["ffmpeg", "-i", path, out], check=True)
    return Rendition(path=out, format=format)


class Transcoder:
    async def transcode(self, ctx: Context, video: Video) -> list[Rendition]:
        folder = scratch()
        ctx.log.info("%s in %s", probe(video.path), folder)
        done = []
        for format in video.formats:  # expect: RR110
            done.append(await ctx.run(f"render {format}", render, video.path, format))
        return done

    async def thumbnail(self, ctx: Context, path: str) -> str:
        execute(["convert", path, "thumb.png"], check=True)  # expect: RR108
        name = f"{uuid4()}.png"  # expect: RR103
        await ctx.run("move", shutil.move, "thumb.png", name)
        return name

    async def clip(self, ctx: Context, path: str) -> int:
        process = await asyncio.create_subprocess_exec("ffmpeg", "-i", path)  # expect: RR108
        return await process.wait()

    async def place(self, ctx: Context, path: str) -> str:
        worker = choice(WORKERS)  # expect: RR102
        return await ctx.run("place", self._place, worker, path)

    def _place(self, worker: str, path: str) -> str:
        return f"{worker}:{path}"

    async def sweep(self, ctx: Context, folder: str) -> int:
        names = os.listdir(folder)  # expect: RR105
        shuffle(names)  # expect: RR102
        for name in names:
            await ctx.run("sweep", os.remove, name)
        return len(names)

    async def stamp(self, ctx: Context, path: str) -> str:
        stamped = datetime.now(timezone.utc)  # expect: RR101
        await ctx.run("stamp", Path(path).touch)
        return f"{stamped:%Y}-{uuid1()}"  # expect: RR103

    async def fingerprint(self, ctx: Context, path: str) -> str:
        digest = hashlib.sha256(Path(path).read_bytes())  # expect: RR105
        return digest.hexdigest()

    async def announce(self, ctx: Context, path: str) -> None:
        sock = socket.create_connection(("bus.example", 4000))  # expect: RR106
        sock.sendall(path.encode())

    async def shard(self, ctx: Context, path: str) -> int:
        shard = hash(path) % 16  # expect: RR111
        await ctx.run(f"shard {shard}", print, path)
        return shard

    async def tidy(self, ctx: Context, folder: str) -> None:
        shutil.rmtree(folder)  # expect: RR105
        os.makedirs(folder, exist_ok=True)  # expect: RR105

    async def guess(self, ctx: Context) -> int:
        if os.path.exists("/etc/transcoder/static"):  # expect: RR105
            return 4
        return randint(1, 6)  # expect: RR102


class Upload:
    """An upload in parts; the key is its id."""

    parts = State(dict[int, str], default={})

    async def part(self, ctx: ObjectContext, number: int, etag: str) -> int:
        parts = await ctx.get(Upload.parts)
        parts[number] = etag  # expect: RR306/RR304
        return len(parts)

    async def finish(self, ctx: ObjectContext) -> str:
        parts = {**await ctx.get(Upload.parts)}
        if not parts:
            raise TerminalError("nothing was uploaded")
        ctx.clear(Upload.parts)
        return "".join(parts[number] for number in sorted(parts))
