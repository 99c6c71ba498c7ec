"""Threads on Braket's local simulators, in a process of its own: what goes wrong there aborts the interpreter."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from threading import Thread

from standin import running

from qsanc_braket.local_simulator import LOCK

SCRIPT = """
    from threading import Thread

    import numpy as np

    from qsanc import registry
    from qsanc.ir.circuit import Angle, CircuitModule, Expectation, Gate, Observable, Pauli, Segment
    from qsanc.target import Bindings, Context, Request


    def executable(name, wires):
        turns = tuple(Gate("ry", (k,), (Angle(0.1 * k, ((0, 1.0),)),)) for k in range(wires))
        ring = tuple(Gate("cx", (k, (k + 1) % wires)) for k in range(wires))
        z = Observable(((1.0, Pauli(((wires - 1, "Z"),))),))
        segment = Segment("all", None, turns + ring)
        return registry.load(name).lower(CircuitModule("m", wires, (), ("x",), (segment,), (Expectation(0, z),)))


    def values(of):
        request = Request(Bindings(np.zeros(0), np.linspace(0, 3, 60)[:, None]), (0,))
        return of.collect(of.submit(request, Context())).estimates[0].value


    made = [executable("braket:sv", 11), executable("braket:dm", 3)]
    alone = [values(of) for of in made] + [values(executable("numpy", wires)) for wires in (11, 3)]
    found = {}
    threads = [Thread(target=lambda k=k: found.update({k: values(made[k % 2])})) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k, value in found.items():
        np.testing.assert_allclose(value, alone[k % 2], atol=0)
        np.testing.assert_allclose(value, alone[2 + k % 2], atol=1e-9)
    print(len(found), "agree")
"""


def test_many_threads_ask_at_once() -> None:
    """Registers for which the simulator's kernels run in threads of their own: 11 qubits, and 3 of density matrices.

    Without the lock around an evolution, Numba ends the process: "Concurrent access has been detected".
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT)], capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "6 agree"), done.stderr[-2000:]


def test_the_stand_in_holds_the_same_lock() -> None:
    """A service of the tests runs the same simulator in threads of the same process."""
    program = "OPENQASM 3.0;\nqubit[1] q;\nbit[1] b;\nrx({}) q[0];\nb[0] = measure q[0];\n"
    running.distribution("sv", program.format(0.25), {})
    for work in (running.distribution, running.exact):
        thread = Thread(target=work, args=("sv", program.format(0.5), {}))
        with LOCK:
            thread.start()
            thread.join(0.3)
            waited = thread.is_alive()
        thread.join(60)
        assert waited, work.__name__
        assert not thread.is_alive(), work.__name__
