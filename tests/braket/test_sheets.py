"""Capability sheets: real ones read whole, damaged ones refused with the field, unknown ones read as far as they go."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qsanc.diagnostics import QsanError
from qsanc_braket.devices.model import Device
from qsanc_braket.devices.sheet import LARGEST, device_of, read_sheet
from qsanc_braket.devices.table import find, known

FILES = {
    "garnet.json": "Garnet",
    "emerald.json": "Emerald",
    "cepheus.json": "Cepheus-1-108Q",
    "forte_enterprise.json": "Forte-Enterprise-1",
}
# A sheet of our own in the shape of the real ones, of a device that does not exist.
SMALL = {
    "service": {
        "shotsRange": [1, 100],
        "deviceCost": {"price": 0.001, "unit": "shot"},
        "updatedAt": "2026-01-02T03:04:05+00:00",
    },
    "action": {
        "braket.ir.openqasm.program": {
            "supportedOperations": ["x", "h", "CNOT", "rx", "frobnicate", "barrier"],
            "supportedResultTypes": [
                {"name": "Sample", "minShots": 1, "maxShots": 100},
                {"name": "Expectation", "observables": ["x"], "minShots": 1, "maxShots": 100},
            ],
        },
        "braket.ir.openqasm.program_set": {"maximumExecutables": 7, "maximumTotalShots": 500},
        "braket.ir.telepathy": {"version": 1},
    },
    "paradigm": {
        "qubitCount": 3,
        "nativeGateSet": ["PRX", "cz", "barrier"],
        "connectivity": {"fullyConnected": False, "connectivityGraph": {"1": ["2"], "2": ["1", "4"], "4": ["2"]}},
    },
    "standardized": {
        "oneQubitProperties": {
            "1": {
                "oneQubitFidelity": [
                    {"fidelityType": {"name": "RANDOMIZED_BENCHMARKING"}, "fidelity": 0.99},
                    {"fidelityType": {"name": "SIMULTANEOUS_RANDOMIZED_BENCHMARKING"}, "fidelity": 0.98},
                    {"fidelityType": {"name": "READOUT"}, "fidelity": 0.97},
                ]
            }
        },
        "twoQubitProperties": {
            "2-1": {
                "twoQubitGateFidelity": [
                    {"gateName": "CZ", "fidelity": 0.95},
                    {"gateName": "Two_Qubit_Clifford", "fidelity": 0.9},
                ]
            }
        },
    },
}
ARN = "arn:aws:braket:eu-north-1::device/qpu/iqm/Quartz"


def small(sheet: object = SMALL) -> Device:
    return device_of(sheet, ARN, "Quartz", "online")


@pytest.fixture(scope="module")
def sheets(shared_data: Path) -> Path:
    return shared_data / "devices"


@pytest.mark.parametrize("file", FILES)
def test_a_real_sheet_says_what_the_table_says(sheets: Path, file: str) -> None:
    """All facts agree; only prices' sources, dates and the fidelities, which are not in the table, differ."""
    ours = find(FILES[file])
    theirs = read_sheet(sheets / file, arn=ours.arn, name=ours.name)
    assert theirs.fidelity is not None
    assert theirs.price.source == "GetDevice"
    price = replace(theirs.price, as_of=ours.price.as_of, source=ours.price.source)
    assert replace(theirs, fidelity=None, as_of=ours.as_of, price=price) == ours


@pytest.mark.parametrize("file", FILES)
def test_a_real_sheet_has_fidelities_of_qubits_and_pairs(sheets: Path, file: str) -> None:
    device = read_sheet(sheets / file, arn=find(FILES[file]).arn, name=FILES[file])
    assert device.fidelity is not None
    assert set(device.fidelity.one_qubit) == set(device.fidelity.readout) == set(device.qubit_names)
    if device.connectivity is None:
        assert len(device.fidelity.two_qubit) == device.qubits * (device.qubits - 1) // 2
    else:
        assert set(device.fidelity.two_qubit) <= device.connectivity
        assert len(device.fidelity.two_qubit) >= 0.95 * len(device.connectivity)
    for numbers in (device.fidelity.one_qubit, device.fidelity.two_qubit, device.fidelity.readout):
        assert all(0.5 <= number <= 1 for number in numbers.values())


def test_a_device_that_is_new_is_read_as_far_as_its_sheet_goes() -> None:
    device = small()
    assert device.provider == "IQM"
    assert device.gates == {"x", "h", "cx", "rx"}
    assert device.native == {"prx", "cz"}
    assert device.qubit_names == (1, 2, 4)
    assert device.connectivity == {(1, 2), (2, 4)}
    assert (device.shots, device.exact) == ((1, 100), False)
    assert device.results == {"Sample", "Expectation"}
    assert device.program_sets is not None
    assert (device.program_sets.executables, device.program_sets.shots) == (7, 500)
    assert (device.price.task_usd, device.price.shot_usd, device.price.as_of) == (0.3, 0.001, "2026-01-02")
    assert device.fidelity is not None
    assert device.fidelity.one_qubit == {1: 0.98}
    assert device.fidelity.two_qubit == {(1, 2): 0.95}
    assert device.fidelity.readout == {1: 0.97}


def test_a_sheet_may_say_little() -> None:
    little = {
        "service": {"shotsRange": [0, 10]},
        "action": {
            "braket.ir.openqasm.program": {
                "supportedOperations": ["h", "bit_flip"],
                "supportedResultTypes": [{"name": "Expectation", "minShots": 0, "maxShots": 10}],
            }
        },
        "paradigm": {"qubitCount": 5},
    }
    device = device_of(little, "arn:aws:braket:::device/quantum-simulator/nobody/new1", "new1", "online")
    assert (device.kind, device.qubit_names, device.connectivity) == ("simulator", (0, 1, 2, 3, 4), None)
    assert (device.shots, device.exact, device.exact_results) == ((1, 10), True, {"Expectation"})
    assert device.noise == {"bit_flip"}
    assert (device.fidelity, device.program_sets, device.as_of) == (None, None, "")
    assert device.price.task_usd == math.inf, "what has no price fits no budget"


def test_what_is_said_of_the_whole_device_holds_for_each_qubit_and_pair() -> None:
    """As IonQ and AQT do it: means of the provider, or of the third version of the standard fields."""
    sheet = copy.deepcopy(SMALL)
    del sheet["standardized"]
    sheet["provider"] = {"fidelity": {"1Q": {"mean": 0.99}, "2Q": {"mean": 0.9}, "spam": {"mean": 0.8}}}
    fidelity = small(sheet).fidelity
    assert fidelity is not None
    assert fidelity.one_qubit == dict.fromkeys((1, 2, 4), 0.99)
    assert fidelity.two_qubit == dict.fromkeys([(1, 2), (2, 4)], 0.9)
    assert fidelity.readout == dict.fromkeys((1, 2, 4), 0.8)
    sheet["paradigm"]["connectivity"] = {"fullyConnected": True, "connectivityGraph": {}}
    sheet["standardized"] = {"twoQubitGateFidelity": [{"fidelity": 1}], "readoutFidelity": [{"fidelity": 0}]}
    fidelity = small(sheet).fidelity
    assert fidelity is not None
    assert fidelity.two_qubit == dict.fromkeys([(0, 1), (0, 2), (1, 2)], 1.0)
    assert fidelity.readout == dict.fromkeys((0, 1, 2), 0.0)


def test_the_smallest_numbers_are_numbers() -> None:
    sheet = copy.deepcopy(SMALL)
    sheet["paradigm"] = {"qubitCount": 1}
    sheet["service"]["shotsRange"] = [7, 7]
    sheet["service"]["deviceCost"]["price"] = 0
    del sheet["standardized"]
    device = small(sheet)
    assert (device.qubits, device.qubit_names, device.shots, device.price.shot_usd) == (1, (0,), (7, 7), 0)


def test_an_analog_device_is_none_for_gates() -> None:
    sheet = copy.deepcopy(SMALL)
    sheet["action"] = {"braket.ir.ahs.program": {}}
    with pytest.raises(QsanError, match="no device for gates"):
        small(sheet)


WRONG = [
    ("service.shotsRange", [5, 1]),
    ("service.shotsRange", [1, 2, 3]),
    ("service.shotsRange", [1, True]),
    ("service.deviceCost.price", -1),
    ("service.deviceCost.price", math.nan),
    ("service.deviceCost.price", "free"),
    ("service.deviceCost.unit", "hour"),
    ("service.updatedAt", "yesterday"),
    ("service.shotsRange", [0, 0]),
    ("provider.fidelity.1Q.mean", 1.01),
    ("standardized.readoutFidelity", [{"fidelity": 1.01}]),
    ("action.braket-sets.maximumExecutables", 0),
    ("paradigm.qubitCount", 0),
    ("paradigm.qubitCount", 2),
    ("paradigm.qubitCount", 10**30),
    ("paradigm.connectivity.connectivityGraph", {"-1": []}),
    ("paradigm.connectivity.connectivityGraph", {"1": ["1"]}),
    ("paradigm.connectivity.connectivityGraph", {"1": [2]}),
    ("paradigm.nativeGateSet", "cz"),
    ("standardized.twoQubitProperties", {"12": {}}),
    ("standardized.oneQubitProperties", {"1": {"oneQubitFidelity": [{"fidelityType": {"name": "READOUT"}}]}}),
    ("standardized.twoQubitProperties", {"1-2": {"twoQubitGateFidelity": [{"gateName": "CZ", "fidelity": 1.5}]}}),
]


@pytest.mark.parametrize(("path", "value"), WRONG, ids=[f"{path}={value}"[:60] for path, value in WRONG])
def test_what_is_wrong_is_named_with_its_field(path: str, value: object) -> None:
    sheet = copy.deepcopy(SMALL)
    path = path.replace("braket-sets", "braket:ir:openqasm:program_set")
    *way, last = (key.replace(":", ".") for key in path.split("."))
    place: dict = sheet
    for key in way:
        place = place.setdefault(key, {})
    place[last] = value
    with pytest.raises(QsanError) as caught:
        small(sheet)
    [found] = caught.value.diagnostics
    assert found.code == "QS814"
    assert found.title.startswith("the sheet of Quartz: `")
    assert path.split(".")[-1] in found.title or way[-1] in found.title


def test_a_long_value_is_cut_short() -> None:
    sheet = copy.deepcopy(SMALL)
    sheet["service"]["shotsRange"] = ["x" * 10**6]
    with pytest.raises(QsanError) as caught:
        small(sheet)
    assert caught.value.diagnostics[0].title.endswith("x..., not a whole number from 0 to 1000000000")
    assert len(caught.value.diagnostics[0].title) < 200


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def places(value: object, way: tuple = ()) -> list[tuple]:
    """Every place in a sheet."""
    found = [way]
    if isinstance(value, dict):
        found += [place for key in value for place in places(value[key], (*way, key))]
    if isinstance(value, list):
        found += [place for key in range(len(value)) for place in places(value[key], (*way, key))]
    return found


@settings(max_examples=400)
@given(st.data())
def test_no_damage_is_a_traceback(data: st.DataObject) -> None:
    """Whatever stands in up to three places of a sheet, or is missing there: a device, or QS814."""
    sheet: object = copy.deepcopy(SMALL)
    for _ in range(data.draw(st.integers(1, 3))):
        way = data.draw(st.sampled_from(places(sheet)))
        new, missing = data.draw(ANYTHING), data.draw(st.booleans())
        if not way:
            sheet = new
            continue
        place: object = sheet
        for key in way[:-1]:
            place = place[key]  # type: ignore[index]
        if missing and isinstance(place, dict):
            del place[way[-1]]
        else:
            place[way[-1]] = new  # type: ignore[index]
    try:
        device = small(sheet)
    except QsanError as error:
        codes = [found.code for found in error.diagnostics]
    else:
        codes = ["QS814"]
        assert 1 <= device.shots[0] <= device.shots[1]
        assert device.price.shot_usd >= 0
    assert codes == ["QS814"]


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2", b"\xff\xfe{}", b"[" * 200_000, b"[]", b"null", b'"sheet"'])
def test_a_file_that_holds_no_sheet_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "sheet.json"
    file.write_bytes(content)
    with pytest.raises(QsanError) as caught:
        read_sheet(file, arn=ARN, name="Quartz")
    [found] = caught.value.diagnostics
    assert found.code == "QS814"
    assert found.title.startswith("sheet.json")


def test_a_file_that_is_missing_or_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(QsanError, match="No such file"):
        read_sheet(tmp_path / "none.json", arn=ARN, name="Quartz")
    large = tmp_path / "large.json"
    with large.open("wb") as out:
        out.truncate(LARGEST + 1)
    with pytest.raises(QsanError, match="at most"):
        read_sheet(large, arn=ARN, name="Quartz")


def test_a_file_is_read_like_what_the_service_sends(tmp_path: Path) -> None:
    file = tmp_path / "quartz.json"
    file.write_text(json.dumps(SMALL), encoding="utf-8")
    assert read_sheet(file, arn=ARN, name="Quartz") == small()


@pytest.mark.parametrize("file", FILES)
def test_a_sheet_is_of_one_device_alone(sheets: Path, file: str) -> None:
    """The two of IonQ's that are alike in all that a sheet says cannot be told apart."""
    twins = {"Forte-1", "Forte-Enterprise-1"}
    for device in known():
        if device.name == FILES[file] or {device.name, FILES[file]} == twins:
            assert read_sheet(sheets / file, arn=device.arn, name=device.name).name == device.name
            continue
        with pytest.raises(QsanError) as caught:
            read_sheet(sheets / file, arn=device.arn, name=device.name)
        (found,) = caught.value.diagnostics
        assert found.code == "QS814"
        assert device.name in found.title
        assert FILES[file] in found.title
        assert found.notes


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("deviceName", "Emerald", "`deviceName`"),
        ("deviceArn", "arn:aws:braket:eu-north-1::device/qpu/iqm/Emerald", "`deviceArn`"),
        ("braketSchemaHeader", {"name": "braket.device_schema.ionq.x", "version": "1"}, "by ionq"),
        ("qubitCount", 23, "23 qubits, and Garnet 20"),
        ("nativeGateSet", ["zz", "gpi"], "gpi, zz, and those of Garnet cz, prx"),
    ],
)
def test_each_thing_that_tells_a_sheet_from_another(
    sheets: Path, tmp_path: Path, key: str, value: object, told: str
) -> None:
    sheet = json.loads((sheets / "garnet.json").read_text())
    (sheet["paradigm"] if key in sheet["paradigm"] and key != "braketSchemaHeader" else sheet)[key] = value
    (tmp_path / "s.json").write_text(json.dumps(sheet))
    garnet = find("Garnet")
    with pytest.raises(QsanError) as caught:
        read_sheet(tmp_path / "s.json", arn=garnet.arn, name=garnet.name)
    assert any(told in note.text for note in caught.value.diagnostics[0].notes)


def test_a_device_may_gain_or_lose_a_few_qubits(sheets: Path, tmp_path: Path) -> None:
    sheet = json.loads((sheets / "garnet.json").read_text())
    sheet["paradigm"]["qubitCount"] = 22
    (tmp_path / "s.json").write_text(json.dumps(sheet))
    garnet = find("Garnet")
    assert read_sheet(tmp_path / "s.json", arn=garnet.arn, name=garnet.name).qubits == 22
