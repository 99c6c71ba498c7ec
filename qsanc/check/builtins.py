"""The vocabulary of the language: every built-in name, where it may stand, and what it takes. There is no other list.

A row is written as the call it allows. `q: qubits` takes a register where a bare name takes numbers; `axis=` is given
by name only; `?` marks what may be left out, `...` what may be repeated. A row without parentheses is a plain word.
`gives` is what the call is; None means the sort of its arguments.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from qsanc.check.sorts import Context, Sort


@dataclass(frozen=True, slots=True)
class Formal:
    """What one argument must be. `context` is the vocabulary it is read in, None for that of the call."""

    name: str
    required: bool = True
    named_only: bool = False
    place_only: bool = False
    repeated: bool = False
    takes: Sort = Sort.NUMBER
    context: Context | None = None

    def __str__(self) -> str:
        text = f"{self.name} = ..." if self.named_only else f"{self.name}, ..." if self.repeated else self.name
        return text if self.required else f"[{text}]"


@dataclass(frozen=True, slots=True)
class Builtin:
    """A name of the language. `formals` is None for a word, which is not called. `open_named`: other names are free."""

    name: str
    contexts: frozenset[Context]
    formals: tuple[Formal, ...] | None
    gives: Sort | None
    doc: str
    open_named: bool = False

    @property
    def signature(self) -> str:
        return self.name if self.formals is None else f"{self.name}({', '.join(map(str, self.formals))})"


_TAKES: Mapping[str, tuple[Sort, Context | None]] = MappingProxyType(
    {
        "any": (Sort.ANY, None),
        "qubit": (Sort.QUBIT, None),
        "qubits": (Sort.QUBITS, None),
        "observable": (Sort.OBSERVABLE, Context.RESULT),
        "state": (Sort.STATE, None),
        "operator": (Sort.OPERATOR, None),
        "circuit": (Sort.APPLIED, None),
        "attention": (Sort.ATTENTION, None),
        "names": (Sort.NAMES, None),
        "model": (Sort.INSTANCE, None),
        "method": (Sort.WORD, Context.METHOD),
        "optimizer": (Sort.OPTIMIZER, Context.OPTIMIZER),
        "grad": (Sort.WORD, Context.GRAD),
    }
)
_FORMAL = re.compile(r"(?P<name>\w+)(: (?P<takes>\w+))?(?P<named>=)?(?P<mark>\?|\.\.\.)?")


def _formal(text: str, named: bool = True) -> Formal:
    match = _FORMAL.fullmatch(text)
    assert match is not None, text
    takes, context = _TAKES[match["takes"]] if match["takes"] else (Sort.NUMBER, None)
    by_name, mark = bool(match["named"]), match["mark"]
    place_only = mark == "..." or not (named or by_name or mark == "?")
    return Formal(match["name"], mark != "?", by_name, place_only, mark == "...", takes, context)


# Where all arguments have names of their own; elsewhere, as in mathematics, only the optional ones have.
_NAMED = frozenset({Context.INIT, Context.OPTIMIZER, Context.CHANNEL, Context.CHECK})


def _row(call: str, gives: Sort | None, doc: str, *contexts: Context) -> Builtin:
    name, parenthesis, rest = call.partition("(")
    if not parenthesis:
        return Builtin(name, frozenset(contexts), None, gives, doc)
    written = [text for text in rest.removesuffix(")").split(", ") if text]
    formals = tuple(_formal(text, named=bool(_NAMED & set(contexts))) for text in written if text != "**")
    return Builtin(name, frozenset(contexts), formals, gives, doc, open_named="**" in written)


_N, _O, _W, _C = Sort.NUMBER, Sort.OBSERVABLE, Sort.WORD, Sort.CHANNEL

BUILTINS: tuple[Builtin, ...] = (
    _row("pi", _N, "3.14159..., half a turn in radians.", Context.NUMBER),
    _row("tau", _N, "6.28318..., a full turn in radians.", Context.NUMBER),
    _row("exp(x)", _N, "e to the power of x.", Context.NUMBER),
    _row("log(x)", _N, "The natural logarithm.", Context.NUMBER),
    _row("sqrt(x)", _N, "The square root.", Context.NUMBER),
    _row("sin(x)", _N, "The sine of an angle.", Context.NUMBER),
    _row("cos(x)", _N, "The cosine of an angle.", Context.NUMBER),
    _row("tan(x)", _N, "The tangent of an angle.", Context.NUMBER),
    _row("tanh(x)", _N, "The hyperbolic tangent.", Context.NUMBER),
    _row("abs(x)", _N, "The absolute value.", Context.NUMBER),
    _row("min(x...)", _N, "The smallest of its arguments, or of the elements of one.", Context.NUMBER),
    _row("max(x...)", _N, "The largest of its arguments, or of the elements of one.", Context.NUMBER),
    _row("floor(x)", _N, "The next integer below.", Context.NUMBER),
    _row("ceil(x)", _N, "The next integer above.", Context.NUMBER),
    _row("sum(x)", _N, "The sum of all elements.", Context.NUMBER),
    _row("mean(x)", _N, "The mean of all elements.", Context.NUMBER),
    _row("size(x: any)", _N, "How many elements an array, or qubits a register, has.", Context.NUMBER),
    #
    _row("X(q: qubit)", _O, "Pauli X on one qubit.", Context.RESULT),
    _row("Y(q: qubit)", _O, "Pauli Y on one qubit.", Context.RESULT),
    _row("Z(q: qubit)", _O, "Pauli Z on one qubit.", Context.RESULT),
    _row("I(q: qubit)", _O, "The identity on one qubit.", Context.RESULT),
    _row("paulis(q: qubits, count=)", _O, "The first `count` of Z_i; X_i; Y_i; Z_i Z_i+1; X X; Y Y.", Context.RESULT),
    _row("sum(x: observable)", _O, "The sum of a list of observables.", Context.RESULT),
    _row("concat(list: any...)", None, "Several lists, one after the other.", Context.RESULT),
    _row(
        "expval(o: observable)",
        Sort.MEASURED,
        "The expectation of an observable, or of each of a list.",
        Context.RESULT,
    ),
    _row("probs(q: qubits)", Sort.MEASURED, "The probabilities of all basis states of a register.", Context.RESULT),
    _row("prob_of(q: qubits, index)", Sort.MEASURED, "The probability of one basis state.", Context.RESULT),
    #
    _row(
        "overlap(query: state, key: state, on: qubits=?)",
        _N,
        "|<query|key>|^2, or Tr(rho rho') on a part.",
        Context.SCORE,
    ),
    _row("dot(x, y)", _N, "The sum of the products of two lists.", Context.SCORE),
    _row("causal", _W, "A token attends to itself and to earlier ones.", Context.MASK),
    _row("none", _W, "Nothing: every token is seen, or rows stay as they are.", Context.MASK, Context.NORMALIZE),
    _row("rows", _W, "Each row is divided by its sum.", Context.NORMALIZE),
    _row("softmax", _W, "Softmax over each row.", Context.NORMALIZE),
    #
    _row("dot(x, y)", _N, "The sum of the products of two vectors.", Context.FLOW),
    _row("matmul(x, y)", _N, "The matrix product: last axis of x against first of y.", Context.FLOW),
    _row("mean(x, axis=?)", _N, "The mean over an axis, or of all elements.", Context.FLOW, Context.CHECK),
    _row("sum(x, axis=?)", _N, "The sum over an axis, or of all elements.", Context.FLOW, Context.CHECK),
    _row("concat(list, axis=?)", _N, "Arrays joined along an axis.", Context.FLOW),
    _row("flatten(x)", _N, "All elements of the written axes as one vector.", Context.FLOW),
    _row("reshape(x, shape)", _N, "The same elements in a new shape.", Context.FLOW),
    _row("broadcast(x, shape)", _N, "An array repeated along the axes it lacks.", Context.FLOW),
    _row("sigmoid(x)", _N, "1 / (1 + exp(-x)).", Context.FLOW, Context.SCORE),
    _row("softmax(x, axis=?)", _N, "exp(x), divided by its sum over an axis.", Context.FLOW),
    _row("relu(x)", _N, "max(x, 0).", Context.FLOW),
    _row("sinusoid(shape...)", _N, "The positional vectors of Vaswani et al. (2017).", Context.FLOW),
    _row("layernorm(x)", _N, "Zero mean and unit variance over the last axis.", Context.FLOW),
    #
    _row("mse(predict, label)", _N, "The squared error of a record.", Context.LOSS),
    _row("cross_entropy(predict, label)", _N, "Minus the logarithm of the label's probability.", Context.LOSS),
    _row("sumsq(x)", _N, "The sum of the squares of all elements.", Context.LOSS),
    #
    _row("normal(mean, sd)", Sort.DISTRIBUTION, "Normally distributed; sd is the standard deviation.", Context.INIT),
    _row("uniform(low, high)", Sort.DISTRIBUTION, "Uniform between two bounds.", Context.INIT),
    _row("glorot()", Sort.DISTRIBUTION, "Uniform, scaled by the two sizes of a matrix (Glorot 2010).", Context.INIT),
    _row("adam(lr?, beta1?, beta2?, eps?)", Sort.OPTIMIZER, "Adam (Kingma and Ba 2015).", Context.OPTIMIZER),
    _row("sgd(lr?, momentum?)", Sort.OPTIMIZER, "Gradient descent with momentum.", Context.OPTIMIZER),
    _row("spsa(a?, c?, A?, alpha?, gamma?)", Sort.OPTIMIZER, "Two evaluations a step (Spall 1992).", Context.OPTIMIZER),
    _row("auto", _W, "The fastest exact method the backend offers.", Context.GRAD, Context.METHOD),
    _row("parameter_shift", _W, "Shifted circuits: exact, on any backend.", Context.GRAD, Context.METHOD),
    _row("adjoint", _W, "Backwards through the state: exact, on simulators.", Context.GRAD, Context.METHOD),
    _row("spsa", _W, "Two random shifts of everything: an estimate.", Context.GRAD, Context.METHOD),
    _row("finite_difference", _W, "Difference quotients, to compare with.", Context.METHOD),
    #
    _row("unitary(u: operator)", Sort.TRUTH, "Whether u times its inverse is the identity.", Context.CHECK),
    _row("inv(u: operator)", Sort.OPERATOR, "The inverse of a unitary.", Context.CHECK),
    _row("identity(n)", Sort.OPERATOR, "The identity on n qubits.", Context.CHECK),
    _row(
        "gradient(f: circuit, wrt: names, against: method?, tol?)",
        Sort.TRUTH,
        "Whether the gradient of f agrees with another method's.",
        Context.CHECK,
    ),
    _row("distribution(f: circuit, shots?, alpha?)", Sort.TRUTH, "Whether shots follow the exact law.", Context.CHECK),
    _row("cost(m: model, method: method?, **)", Sort.COST, "What a training step of m costs.", Context.CHECK),
    _row("weights(attention: attention, args...)", _N, "The attention weights, a row for each token.", Context.CHECK),
    _row("permute(x, order)", _N, "An array with its first axis in another order.", Context.CHECK),
    #
    _row("bit_flip(p)", _C, "X with probability p.", Context.CHANNEL),
    _row("phase_flip(p)", _C, "Z with probability p.", Context.CHANNEL),
    _row("bit_phase_flip(p)", _C, "Y with probability p.", Context.CHANNEL),
    _row("depolarizing(p)", _C, "X, Y or Z, each with probability p / 3.", Context.CHANNEL),
    _row("two_qubit_depolarizing(p)", _C, "One of the 15 Pauli products, each with p / 15.", Context.CHANNEL),
    _row("two_qubit_dephasing(p)", _C, "IZ, ZI or ZZ, each with probability p / 3.", Context.CHANNEL),
    _row("amplitude_damping(gamma)", _C, "Decay of 1 to 0 with probability gamma.", Context.CHANNEL),
    _row(
        "generalized_amplitude_damping(gamma, p)", _C, "Decay towards a mixture: 0 with probability p.", Context.CHANNEL
    ),
    _row("phase_damping(gamma)", _C, "Loss of phase with probability gamma.", Context.CHANNEL),
    _row("pauli_channel(x, y, z)", _C, "X, Y and Z with probabilities of their own.", Context.CHANNEL),
    _row("thermal(t1=, t2=, dt=)", _C, "Relaxation (t1) and dephasing (t2) during a time dt.", Context.CHANNEL),
    _row("confusion(rows)", _C, "rows[i][j]: the probability of reading j where i is true.", Context.CHANNEL),
)


def _settings(*rows: tuple[str, str]) -> Mapping[str, tuple[Formal, str]]:
    return MappingProxyType(
        {formal.name: (formal, doc) for formal, doc in ((_formal(text), doc) for text, doc in rows)}
    )


TRAIN_SETTINGS: Mapping[str, tuple[Formal, str]] = _settings(
    ("optimizer: optimizer", "How parameters move."),
    ("epochs", "How often the training data is read."),
    ("batch", "Records a step."),
    ("seed", "Of every random draw."),
    ("patience", "Epochs without a better validation loss before training stops."),
    ("grad: grad", "How gradients are computed."),
)
CHECK_SETTINGS: Mapping[str, tuple[Formal, str]] = _settings(
    ("examples", "How many arguments a property is tried with."),
    ("shots", "Repetitions of each circuit; exact where it is not given."),
    ("seed", "Of every random draw."),
    ("alpha", "The probability of a false alarm of an assertion that uses shots."),
    ("tol", "The tolerance of `~=` where it has none of its own."),
)
COST_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "circuits": "Circuits run.",
        "shots": "Shots over all circuits.",
        "tasks": "Tasks submitted to the device.",
        "usd": "What the device charges, in US dollars.",
    }
)

_BY_PLACE: Mapping[tuple[str, Context], Builtin] = MappingProxyType(
    {(row.name, context): row for row in BUILTINS for context in row.contexts}
)


def builtin(name: str, context: Context) -> Builtin | None:
    """The built-in that `name` is in `context`: one of its own, or one of numbers, which are known everywhere."""
    return _BY_PLACE.get((name, context)) or _BY_PLACE.get((name, Context.NUMBER))


def vocabulary(context: Context) -> tuple[str, ...]:
    """All built-in names that can stand in `context`, in the order of the table."""
    return tuple(dict.fromkeys(row.name for row in BUILTINS if row.contexts & {context, Context.NUMBER}))


def elsewhere(name: str) -> tuple[Context, ...]:
    """The places that know the built-in `name`, for a message to someone who used it in another."""
    return tuple(context for context in Context if (name, context) in _BY_PLACE)
