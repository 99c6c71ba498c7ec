"""Models of numbers whose circuits have no angles that all rows share, in NumPy and in native code."""

from __future__ import annotations

import numpy as np
import pytest

import qsanc

NEAR = """qsan 1.0

circuit first(t: angle) on q: qubit[2] -> real {
  ry(t) q[0];
  cx q[0], q[1];
  return expval(Z(q[0]));
}

model near {
  data {
    t: real in -pi..=pi;
    label: bit;
  }
  params { shift: real = 0.25; }
  flow { predict (1 - first(t + shift)) / 2; }
  loss mse(predict, label);
}
"""


@pytest.mark.parametrize("jit", ["off", "on"])
def test_predictions_and_gradients_follow_the_cosine(jit: str) -> None:
    """A constant without numbers, the angles that are shared, must not move the others."""
    if jit == "on":
        pytest.importorskip("numba", reason="numba is not installed: pip install 'qsanc[fast]'")
    model = qsanc.load(NEAR, jit="on" if jit == "on" else "off")
    t, label = np.array([0.0, 0.5, 3.0]), np.array([0, 1, 1])
    chance = (1 - np.cos(t + 0.25)) / 2
    np.testing.assert_allclose(model.predict_proba(t)[:, 1], chance, atol=1e-12)
    slope = np.mean((chance - label) * np.sin(t + 0.25))
    np.testing.assert_allclose(model.gradient(t, label)["shift"], slope, atol=1e-12)
