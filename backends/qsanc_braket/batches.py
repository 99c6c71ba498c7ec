"""From circuits to what is billed: which circuits share a task, and what tasks cost.

Who plans and who submits both ask here, so that what was said before is what is counted after.
"""

from __future__ import annotations

from qsanc_braket.devices.model import Device


def chunks(circuits: int, shots: int, device: Device) -> tuple[range, ...]:
    """The tasks of so many circuits with `shots` shots each (0: exact values), as ranges of their numbers in order.

    Where the device takes program sets, a task holds as many circuits as its limits of executables and of shots in all
    allow, and is billed as one; elsewhere, and for exact values, each circuit is a task. A circuit that no set could
    hold stands alone, for the device's check to refuse.
    """
    most = 1
    if device.program_sets is not None and shots > 0:
        most = max(1, min(device.program_sets.executables, device.program_sets.shots // shots))
    return tuple(range(first, min(first + most, circuits)) for first in range(0, circuits, most))


def cost(device: Device, executables: int, shots: int, tasks: int) -> float:
    """In US dollars: `tasks` tasks that hold `executables` circuits together, each with `shots` shots.

    A simulator is billed by time, which is known only afterwards: for it this is the least that the tasks can cost,
    each at the minimum.
    """
    price = device.price
    return tasks * (price.task_usd + price.minute_usd * price.minimum_s / 60) + executables * shots * price.shot_usd
