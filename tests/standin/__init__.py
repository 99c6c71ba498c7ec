"""A stand-in of the Amazon Braket service for tests: real HTTP on loopback, spoken to by the real SDK.

It answers what the SDK asks of Braket, S3 and STS, refuses what a device's capability sheet refuses, runs circuits on
the default simulator with outcomes drawn from a generator seeded by the client token, keeps its own count of what it
would bill, and misbehaves on command. `Service` runs it in a thread; `python -m standin` as a process whose tasks
outlive it.
"""

from standin.faults import Faults
from standin.service import Service

__all__ = ["Faults", "Service"]
