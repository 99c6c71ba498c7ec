"""The small dense unitaries agree with the oracle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import dense

from qsanc.ir.circuit import Angle, Channel, CircuitModule, Segment
from qsanc.ir.unitary import angle_value, segment_unitary
from qsanc.testing.strategies import bindings, circuits


@given(st.data())
def test_the_unitary_of_a_segment_is_that_of_its_whole_path(data: st.DataObject):
    module = data.draw(circuits(max_gates=6))
    bound = data.draw(bindings(module, max_rows=1))
    slots = np.concatenate([bound.shared, bound.items[0]])
    for s in range(len(module.segments)):
        body = tuple(step for index in module.path(s) for step in module.segments[index].body)
        assert np.allclose(segment_unitary(module, s, slots), dense.unitary(body, module.wires, slots), atol=1e-12)


def test_a_channel_has_no_unitary():
    module = CircuitModule("m", 1, (), (), (Segment("s", None, (Channel("bit_flip", (0,), (0.1,)),)),), ())
    with pytest.raises(ValueError, match="bit_flip has no unitary"):
        segment_unitary(module, 0, np.zeros(0))


def test_angles_are_evaluated_for_whole_batches():
    angle = Angle(0.5, ((0, 2.0), (2, -1.0)))
    slots = np.arange(12.0).reshape(2, 2, 3)
    assert np.array_equal(angle_value(angle, slots), 0.5 + 2 * slots[..., 0] - slots[..., 2])
