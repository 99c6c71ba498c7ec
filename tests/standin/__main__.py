"""`python -m standin --port-file F --state DIR`: the stand-in as a process of its own, until it is killed.

Once it listens, F holds its port. Started again with the same DIR, and by --port at the same address, it still has its
tasks and results.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from standin import Faults, Service
from standin.store import write

parser = argparse.ArgumentParser(prog="standin")
parser.add_argument("--port", type=int, default=0, help="0: any that is free")
parser.add_argument("--port-file", type=Path, required=True)
parser.add_argument("--state", type=Path, required=True)
parser.add_argument("--devices", type=Path, nargs="*", default=(), help="capability sheets")
parser.add_argument("--faults", type=json.loads, default={}, help="switches, as JSON")
given = parser.parse_args()
faults = Faults()
faults.update(given.faults)
service = Service(devices=given.devices, faults=faults, state=given.state, port=given.port)
write(given.port_file, str(service.port).encode())
service.serve()
