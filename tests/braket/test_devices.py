"""The table of devices: whom it knows, by which names, and what it says of those that are gone."""

from __future__ import annotations

import math
from datetime import date

import pytest

from qsanc.diagnostics import QsanError
from qsanc.ir.gates import GATES
from qsanc_braket.devices.table import find, known, retired
from qsanc_braket.text import CHANNELS

PORTABLE = frozenset(["x", "y", "z", "h", "s", "si", "t", "ti", "rx", "ry", "rz", "cx", "swap"])


def test_the_table_has_the_devices_of_its_date() -> None:
    names = [device.name for device in known()]
    assert names == [
        "SV1",
        "DM1",
        "Forte-1",
        "Forte-Enterprise-1",
        "Garnet",
        "Emerald",
        "Cepheus-1-108Q",
        "Ibex-Q1",
    ]
    assert {date.fromisoformat(device.as_of) for device in known()} == {date(2026, 5, 5)}


@pytest.mark.parametrize("device", known(), ids=lambda device: device.name)
def test_facts_hang_together(device) -> None:
    assert device.gates >= PORTABLE
    assert all(GATES[gate].braket for gate in device.gates)
    assert device.noise <= set(CHANNELS)
    assert device.exact_results <= device.results
    assert {"Sample", "Expectation", "Probability"} <= device.results
    assert ("AdjointGradient" in device.results) == (device.name == "SV1")
    assert len(set(device.qubit_names)) == device.qubits
    assert 1 <= device.shots[0] < device.shots[1]
    assert (device.kind == "simulator") == ("quantum-simulator" in device.arn) == (not device.price.shot_usd)
    assert all(
        math.isfinite(x) and x >= 0 for x in (device.price.task_usd, device.price.shot_usd, device.price.minute_usd)
    )
    for a, b in device.connectivity or ():
        assert a < b
        assert {a, b} <= set(device.qubit_names)


def test_prices_are_those_of_the_day() -> None:
    def price(name: str) -> tuple[float, ...]:
        p = find(name).price
        return p.task_usd, p.shot_usd, p.minute_usd, p.minimum_s

    assert price("Garnet") == (0.3, 0.00145, 0, 0)
    assert price("Emerald") == (0.3, 0.0016, 0, 0)
    assert price("Cepheus-1-108Q") == (0.3, 0.000425, 0, 0)
    assert price("Forte-1") == price("Forte-Enterprise-1") == (0.3, 0.08, 0, 0)
    assert price("SV1") == price("DM1") == (0, 0, 0.075, 3)


@pytest.mark.parametrize("device", known(), ids=lambda device: device.name)
def test_a_device_is_found_by_its_name_in_any_case_and_by_its_arn(device) -> None:
    assert find(device.name) is find(device.name.upper()) is find(device.name.lower()) is find(device.arn) is device


def test_a_device_that_is_gone_names_the_one_in_its_place() -> None:
    for name in ("TN1", "ankaa-3", "arn:aws:braket:us-east-1::device/qpu/ionq/Aria-1", "Aria-2"):
        with pytest.raises(QsanError) as caught:
            find(name)
        [found] = caught.value.diagnostics
        assert found.code == "QS801"
        assert "retired" in found.title
    assert found.help == "use `braket:Forte-1`"
    assert all(find(instead) for instead in retired().values())


def test_a_name_that_nobody_has_is_told_with_the_nearest() -> None:
    with pytest.raises(QsanError) as caught:
        find("granet")
    [found] = caught.value.diagnostics
    assert (found.code, found.help) == ("QS810", "did you mean `braket:Garnet`?")
    for nobody in ("", "x", "arn:aws:braket:::device/qpu/nobody/Nothing"):
        with pytest.raises(QsanError) as caught:
            find(nobody)
        assert caught.value.diagnostics[0].code == "QS810"
