"""What outlives the process: tasks, jobs and the objects in buckets, in memory or in a folder."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote


def write(path: Path, data: bytes) -> None:
    """Writes a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{threading.get_ident()}")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


class Store:
    """`records[kind][name]` are JSON objects; `objects[bucket][key]` are bytes."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.records: dict[str, dict[str, dict[str, Any]]] = {"task": {}, "job": {}}
        self.objects: dict[str, dict[str, bytes]] = {}
        if folder is None:
            return
        for kind, records in self.records.items():
            for path in sorted((folder / kind).glob("*.json")):
                records[path.stem] = json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((folder / "s3").glob("*/*")):
            if not path.name.startswith("."):
                self.objects.setdefault(path.parent.name, {})[unquote(path.name)] = path.read_bytes()

    def clear(self) -> None:
        assert self.folder is None
        for records in (*self.records.values(), self.objects):
            records.clear()

    def save(self, kind: str, name: str, record: dict[str, Any]) -> None:
        self.records[kind][name] = record
        if self.folder is not None:
            write(self.folder / kind / f"{name}.json", json.dumps(record).encode())

    def put(self, bucket: str, key: str, data: bytes) -> None:
        self.objects.setdefault(bucket, {})[key] = data
        if self.folder is not None:
            write(self.folder / "s3" / bucket / quote(key, safe=""), data)

    def get(self, bucket: str, key: str) -> bytes | None:
        return self.objects.get(bucket, {}).get(key)

    def delete(self, bucket: str, key: str) -> None:
        self.objects.get(bucket, {}).pop(key, None)
        if self.folder is not None:
            (self.folder / "s3" / bucket / quote(key, safe="")).unlink(missing_ok=True)
