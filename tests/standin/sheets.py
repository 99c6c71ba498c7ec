"""The devices of the stand-in: three of its own and those whose capability sheets it is given.

The sheets of SV1 and DM1 hold what their documentation says. Test-QPU does not exist: its ring of twelve qubits, its
limits and its prices are invented so that every refusal can be met without any vendor's sheet.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

PROGRAM = "braket.ir.openqasm.program"
PROGRAM_SET = "braket.ir.openqasm.program_set"
TASK_FEE_USD = 0.30
SIMULATOR_MINUTE_USD = 0.075
SIMULATOR_MINIMUM_S = 3.0

# What GetDevice says beside the capabilities, by the name of a sheet's file.
KNOWN = {
    "garnet": ("arn:aws:braket:eu-north-1::device/qpu/iqm/Garnet", "IQM"),
    "emerald": ("arn:aws:braket:eu-north-1::device/qpu/iqm/Emerald", "IQM"),
    "cepheus": ("arn:aws:braket:us-west-1::device/qpu/rigetti/Cepheus-1-108Q", "Rigetti"),
    "forte": ("arn:aws:braket:us-east-1::device/qpu/ionq/Forte-1", "IonQ"),
    "forte_enterprise": ("arn:aws:braket:us-east-1::device/qpu/ionq/Forte-Enterprise-1", "IonQ"),
}


@dataclass(frozen=True)
class Sheet:
    """A device: what GetDevice returns of it."""

    arn: str
    name: str
    provider: str
    kind: str  # QPU or SIMULATOR
    capabilities: dict[str, Any]

    @property
    def region(self) -> str:
        """Where it is; empty: everywhere."""
        return self.arn.split(":")[3]

    @property
    def exact(self) -> bool:
        return self.kind == "SIMULATOR"

    @property
    def program(self) -> dict[str, Any]:
        return self.capabilities["action"].get(PROGRAM, {})

    @property
    def program_set(self) -> dict[str, Any] | None:
        return self.capabilities["action"].get(PROGRAM_SET)

    @property
    def shots(self) -> tuple[int, int]:
        least, most = self.capabilities["service"]["shotsRange"]
        return least, most

    @property
    def qubits(self) -> int:
        return self.capabilities["paradigm"]["qubitCount"]

    @cached_property
    def native(self) -> frozenset[str]:
        return frozenset(name.lower() for name in self.capabilities["paradigm"].get("nativeGateSet", ()))

    @cached_property
    def couplers(self) -> frozenset[tuple[int, int]] | None:
        """Pairs (a < b); None where every pair can interact."""
        wiring = self.capabilities["paradigm"].get("connectivity", {"fullyConnected": True})
        if wiring["fullyConnected"]:
            return None
        return frozenset(
            (min(int(a), int(b)), max(int(a), int(b)))
            for a, others in wiring["connectivityGraph"].items()
            for b in others
        )

    @cached_property
    def qubit_names(self) -> frozenset[int]:
        if self.couplers is None:
            return frozenset(range(self.qubits))
        graph = self.capabilities["paradigm"]["connectivity"]["connectivityGraph"]
        return frozenset(int(a) for a in graph) | {q for pair in self.couplers for q in pair}

    def price(self, shots: int, seconds: float) -> float:
        """US dollars for one task: a fee and so much for each shot, or for each second on a simulator."""
        if self.kind == "SIMULATOR":
            return SIMULATOR_MINUTE_USD / 60 * max(SIMULATOR_MINIMUM_S, seconds)
        return TASK_FEE_USD + self.capabilities["service"]["deviceCost"]["price"] * shots


def read(path: Path) -> Sheet:
    """The device of a sheet: a vendor's, or an object of `arn`, `provider` and `capabilities`."""
    text = json.loads(Path(path).read_text(encoding="utf-8"))
    if "capabilities" in text:
        arn, provider, capabilities = text["arn"], text["provider"], text["capabilities"]
    else:
        (arn, provider), capabilities = KNOWN[Path(path).stem], text
    kind = "SIMULATOR" if "quantum-simulator" in arn else "QPU"
    return Sheet(arn, arn.split("/")[-1], provider, kind, capabilities)


def _service(shots: tuple[int, int], price: float, unit: str, where: str) -> dict[str, Any]:
    header = {"name": "braket.device_schema.device_service_properties", "version": "1"}
    return {
        "braketSchemaHeader": header,
        "executionWindows": [{"executionDay": "Everyday", "windowStartHour": "00:00:00", "windowEndHour": "23:59:59"}],
        "shotsRange": list(shots),
        "deviceCost": {"price": price, "unit": unit},
        "deviceDocumentation": {"imageUrl": "", "summary": "of the stand-in", "externalDocumentationUrl": ""},
        "deviceLocation": where,
        "updatedAt": "2026-01-01T00:00:00+00:00",
        "getTaskPollIntervalMillis": 20,
    }


GATES = """
    ccnot cnot cphaseshift cphaseshift00 cphaseshift01 cphaseshift10 cswap cv cy cz ecr gpi gpi2 h i iswap ms phaseshift
    prx pswap rx ry rz s si swap t ti v vi x xx xy y yy z zz
"""
NOISE = """
    bit_flip phase_flip pauli_channel depolarizing two_qubit_depolarizing two_qubit_dephasing amplitude_damping
    generalized_amplitude_damping phase_damping kraus
"""
TEST_GATES = "x y z h s si t ti rx ry rz cnot cz swap barrier"
ARRAYS = ["concatenation", "negativeIndex", "range", "rangeWithStep", "slicing", "selection"]
OBSERVABLES = ["x", "y", "z", "h", "i", "hermitian"]
MODIFIERS = [
    {"name": "ctrl"},
    {"name": "negctrl"},
    {"name": "pow", "exponent_types": ["int", "float"]},
    {"name": "inv"},
]


def _simulator(name: str, qubits: int, results: list[str], pragmas: list[str]) -> Sheet:
    shots = (0, 100000)
    observed = {"Sample": 1, "Expectation": 0, "Variance": 0}
    exact_only = {"StateVector", "DensityMatrix", "Amplitude", "AdjointGradient"}
    kinds = [
        {"name": kind, "observables": OBSERVABLES, "minShots": least, "maxShots": shots[1]}
        for kind, least in observed.items()
    ] + [{"name": "Probability", "minShots": 0, "maxShots": shots[1]}]
    kinds += [
        {"name": kind, "minShots": 0, "maxShots": 0}
        | ({"observables": OBSERVABLES} if kind == "AdjointGradient" else {})
        for kind in results
        if kind in exact_only
    ]
    action = {
        "actionType": PROGRAM,
        "version": ["1.0"],
        "supportedOperations": [*GATES.split(), "U", "GPhase", "unitary"],
        "supportedModifiers": MODIFIERS,
        "supportedPragmas": ["braket_unitary_matrix", *pragmas],
        "forbiddenPragmas": [],
        "maximumQubitArrays": 1,
        "maximumClassicalArrays": 1,
        "forbiddenArrayOperations": ARRAYS,
        "requiresAllQubitsMeasurement": False,
        "requiresContiguousQubitIndices": True,
        "supportsPartialVerbatimBox": False,
        "supportsUnassignedMeasurements": True,
        "supportPhysicalQubits": False,
        "supportedResultTypes": kinds,
    }
    of = "braket.device_schema.simulators.gate_model_simulator"
    capabilities = {
        "braketSchemaHeader": {"name": f"{of}_device_capabilities", "version": "1"},
        "service": _service(shots, SIMULATOR_MINUTE_USD, "minute", "everywhere"),
        "action": {PROGRAM: action},
        "paradigm": {
            "braketSchemaHeader": {"name": f"{of}_paradigm_properties", "version": "1"},
            "qubitCount": qubits,
        },
        "deviceParameters": {},
    }
    arn = f"arn:aws:braket:::device/quantum-simulator/amazon/{name.lower()}"
    return Sheet(arn, name, "Amazon Braket", "SIMULATOR", capabilities)


def _pragmas(*results: str) -> list[str]:
    return [f"braket_result_type_{name}" for name in ("sample", "expectation", "variance", "probability", *results)]


SV1 = _simulator(
    "SV1",
    34,
    ["StateVector", "Amplitude", "AdjointGradient"],
    _pragmas("state_vector", "amplitude", "adjoint_gradient"),
)
DM1 = _simulator(
    "DM1", 17, ["DensityMatrix"], [*_pragmas("density_matrix"), *(f"braket_noise_{name}" for name in NOISE.split())]
)


def _test_qpu() -> Sheet:
    shots = (1, 10000)
    observables = ["x", "y", "z", "h", "i"]
    action = {
        "actionType": PROGRAM,
        "version": ["1.0"],
        "supportedOperations": TEST_GATES.split(),
        "supportedModifiers": [],
        "supportedPragmas": ["verbatim", *_pragmas()],
        "forbiddenPragmas": [
            "braket_unitary_matrix",
            "braket_result_type_state_vector",
            "braket_result_type_density_matrix",
            "braket_result_type_amplitude",
            "braket_result_type_adjoint_gradient",
        ],
        "maximumQubitArrays": 1,
        "maximumClassicalArrays": 1,
        "forbiddenArrayOperations": ARRAYS,
        "requiresAllQubitsMeasurement": True,
        "requiresContiguousQubitIndices": True,
        "supportPhysicalQubits": True,
        "supportsPartialVerbatimBox": False,
        "supportsUnassignedMeasurements": False,
        "disabledQubitRewiringSupported": False,
        "supportedResultTypes": [
            {"name": kind, "observables": observables, "minShots": shots[0], "maxShots": shots[1]}
            for kind in ("Sample", "Expectation", "Variance")
        ]
        + [{"name": "Probability", "minShots": shots[0], "maxShots": shots[1]}],
    }
    capabilities = {
        "braketSchemaHeader": {"name": "braket.device_schema.iqm.iqm_device_capabilities", "version": "1"},
        "service": _service(shots, 0.001, "shot", "nowhere"),
        "action": {
            PROGRAM: action,
            PROGRAM_SET: {
                "actionType": PROGRAM_SET,
                "version": ["1"],
                "maximumExecutables": 100,
                "maximumTotalShots": 100000,
            },
        },
        "paradigm": {
            "braketSchemaHeader": {"name": "braket.device_schema.gate_model_qpu_paradigm_properties", "version": "1"},
            "qubitCount": 12,
            "nativeGateSet": ["rx", "rz", "cz"],
            "connectivity": {
                "fullyConnected": False,
                "connectivityGraph": {str(q): [str((q - 1) % 12), str((q + 1) % 12)] for q in range(12)},
            },
        },
        "deviceParameters": {},
    }
    return Sheet("arn:aws:braket:us-east-1::device/qpu/standin/Test-QPU", "Test-QPU", "Stand-in", "QPU", capabilities)


TEST_QPU = _test_qpu()
BUILT_IN = (SV1, DM1, TEST_QPU)
