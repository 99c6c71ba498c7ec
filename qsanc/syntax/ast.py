"""The abstract syntax of a `.qsan` file, on one page. It says what was written, not what it means.

Every node is an immutable value. `span` is where it stands; it takes no part in comparison, so that two texts that
differ only in layout have equal trees. Names are plain strings here: `qsanc.check` resolves them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from qsanc.source import Source, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named(Node):
    """A node that introduces a name, which stands at `name_span`."""

    name_span: Span = field(compare=False, repr=False)


# ---- expressions -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Number(Node):
    """`3`, `1e-3`, `.5`. An int where it was written without point and exponent."""

    value: int | float
    text: str


@dataclass(frozen=True, slots=True)
class Quantity(Node):
    """`50us`, `90deg`: a number with one of the units deg rad turn ns us ms. `value` is in the unit written."""

    value: float
    unit: Literal["deg", "rad", "turn", "ns", "us", "ms"]
    text: str


@dataclass(frozen=True, slots=True)
class String(Node):
    value: str


@dataclass(frozen=True, slots=True)
class Bool(Node):
    value: bool


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A name in an expression; `query`, `key` and `value` among them."""

    name: str


@dataclass(frozen=True, slots=True)
class ListOf(Node):
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Comprehension(Named):
    """`[body for name in over]`."""

    body: Expr
    name: str
    over: Expr


@dataclass(frozen=True, slots=True)
class Unary(Node):
    op: Literal["-", "not"]
    operand: Expr


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """Arithmetic, logic, `@` (tensor product of observables), `>>` (one circuit, then another)."""

    op: Literal["+", "-", "*", "/", "%", "^", "@", ">>", "and", "or"]
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Compare(Node):
    op: Literal["==", "!=", "<=", ">=", "<", ">"]
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Approx(Node):
    """`left ~= right tol tolerance [strict]`."""

    left: Expr
    right: Expr
    tolerance: Expr | None
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Range(Node):
    """`low..high`, or `low..=high` where `closed`."""

    low: Expr
    high: Expr
    closed: bool


@dataclass(frozen=True, slots=True)
class Whole(Node):
    """A bare `..` inside an index: the whole axis."""


@dataclass(frozen=True, slots=True)
class Arg(Node):
    """A positional (`name` None) or named argument."""

    name: str | None
    value: Expr


@dataclass(frozen=True, slots=True)
class Index(Node):
    """`base[args]`: an element or slice of an array, or the generics of a template."""

    base: Expr
    args: tuple[Arg, ...]


@dataclass(frozen=True, slots=True)
class Call(Node):
    base: Expr
    args: tuple[Arg, ...]


@dataclass(frozen=True, slots=True)
class Attr(Node):
    base: Expr
    name: str


Expr: TypeAlias = (
    Number
    | Quantity
    | String
    | Bool
    | Name
    | ListOf
    | Comprehension
    | Unary
    | Binary
    | Compare
    | Approx
    | Range
    | Whole
    | Index
    | Call
    | Attr
)


# ---- types and signatures ----------------------------------------------------------------------------------------

TypeName = Literal["dim", "nat", "int", "real", "angle", "prob", "bit", "bool", "time", "qubit"]


@dataclass(frozen=True, slots=True)
class Type(Node):
    """`angle[depth + 2, n]`. A scalar has no dims."""

    kind: TypeName
    dims: tuple[Expr, ...] = ()


@dataclass(frozen=True, slots=True)
class Generic(Named):
    """`n: nat in 2..=8 = 4` between square brackets. `type` is None where it was left out (a nat)."""

    name: str
    type: Type | None
    within: Expr | None
    default: Expr | None


@dataclass(frozen=True, slots=True)
class Param(Named):
    name: str
    type: Type
    within: Expr | None
    default: Expr | None


@dataclass(frozen=True, slots=True)
class Register(Named):
    """`q: qubit[n]`; a single qubit is `c: qubit`."""

    name: str
    type: Type


# ---- statements of ansatz, circuit and attention blocks ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Let(Named):
    name: str
    type: Type | None
    value: Expr


@dataclass(frozen=True, slots=True)
class For(Named):
    name: str
    over: Expr
    body: Block


@dataclass(frozen=True, slots=True)
class If(Node):
    condition: Expr
    then: Block
    orelse: Block | None


@dataclass(frozen=True, slots=True)
class Require(Node):
    condition: Expr
    message: str | None


@dataclass(frozen=True, slots=True)
class Return(Node):
    value: Expr


@dataclass(frozen=True, slots=True)
class Inverse(Node):
    """The modifier `inv @`."""


@dataclass(frozen=True, slots=True)
class Power(Node):
    """The modifier `pow(k) @`: the gate or template k times; a negative k inverts."""

    exponent: Expr


@dataclass(frozen=True, slots=True)
class Operand(Node):
    """A register, an element of it, or a slice of it."""

    name: str
    index: tuple[Arg, ...] = ()


@dataclass(frozen=True, slots=True)
class Apply(Node):
    """A gate line: `inv @ entangler[depth = 1](th) q;`, `cx q[0], q[1];`. `callee` is dotted for imported modules."""

    modifiers: tuple[Inverse | Power, ...]
    callee: str
    callee_span: Span = field(compare=False, repr=False)
    generics: tuple[Arg, ...]
    args: tuple[Arg, ...]
    operands: tuple[Operand, ...]


Stmt: TypeAlias = Let | For | If | Require | Return | Apply


@dataclass(frozen=True, slots=True)
class Block(Node):
    body: tuple[Stmt, ...]


# ---- items -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Item(Named):
    """A declaration at the top of a file. `doc` is the text of its `///` lines without the slashes."""

    doc: str | None = None


@dataclass(frozen=True, slots=True)
class ImportName(Node):
    name: str
    alias: str | None


@dataclass(frozen=True, slots=True)
class Import(Node):
    """`import std.ring as r;` or `from "blocks.qsan" import layer, attend as a;`.

    `target` is a relative file name where `is_file`, a dotted module name otherwise. `names` is None for the first
    form.
    """

    target: str
    target_span: Span = field(compare=False, repr=False)
    is_file: bool
    alias: str | None = None
    names: tuple[ImportName, ...] | None = None


@dataclass(frozen=True, slots=True)
class Const(Item):
    name: str
    type: Type | None
    value: Expr


@dataclass(frozen=True, slots=True)
class Size(Item):
    """`size n in 2..=12 = 4;`, at the top of a file or in a model. Without a value it comes from data or `--set`."""

    name: str
    within: Expr | None
    value: Expr | None


@dataclass(frozen=True, slots=True)
class Hyper(Item):
    name: str
    type: Type
    within: Expr | None
    value: Expr


@dataclass(frozen=True, slots=True)
class Ansatz(Item):
    name: str
    generics: tuple[Generic, ...]
    params: tuple[Param, ...]
    registers: tuple[Register, ...]
    body: Block


@dataclass(frozen=True, slots=True)
class Circuit(Item):
    name: str
    generics: tuple[Generic, ...]
    params: tuple[Param, ...]
    registers: tuple[Register, ...]
    result: Type
    body: Block


@dataclass(frozen=True, slots=True)
class Part(Node):
    """`encode {...}`, or `query|key|value {...} -> result;`. `result` None means the state itself."""

    role: Literal["encode", "query", "key", "value"]
    body: Block
    result: Expr | None


@dataclass(frozen=True, slots=True)
class Mask(Node):
    value: Expr


@dataclass(frozen=True, slots=True)
class Score(Node):
    value: Expr


@dataclass(frozen=True, slots=True)
class Normalize(Node):
    value: Expr


@dataclass(frozen=True, slots=True)
class Attention(Item):
    name: str
    generics: tuple[Generic, ...]
    params: tuple[Param, ...]
    registers: tuple[Register, ...]
    result: Type | None
    parts: tuple[Part | Mask | Score | Normalize | Let | Require, ...]


@dataclass(frozen=True, slots=True)
class NoiseRule(Node):
    """`after cx, cz on [0, 3]: depolarizing(p);`. `gates` is ("*",) for all; empty for idle, prepare and readout."""

    when: Literal["after", "before", "idle", "prepare", "readout"]
    gates: tuple[str, ...]
    gate_spans: tuple[Span, ...] = field(compare=False, repr=False)
    wires: tuple[Expr, ...] | None
    channel: Expr


@dataclass(frozen=True, slots=True)
class Noise(Item):
    name: str
    params: tuple[Param, ...]
    rules: tuple[NoiseRule, ...]


@dataclass(frozen=True, slots=True)
class Dim(Named):
    """`dim S in 1..=128;` in a data block."""

    name: str
    within: Expr | None


@dataclass(frozen=True, slots=True)
class DataField(Named):
    name: str
    type: Type
    within: Expr | None


@dataclass(frozen=True, slots=True)
class Data(Node):
    fields: tuple[Dim | DataField, ...]


@dataclass(frozen=True, slots=True)
class ParamDecl(Named):
    """`frozen t: real in 0..1 = 1;` or `emb: angle[vocab, 3] ~ normal(0, 0.01);` in a params block."""

    frozen: bool
    name: str
    type: Type
    within: Expr | None
    distribution: Expr | None
    value: Expr | None


@dataclass(frozen=True, slots=True)
class Params(Node):
    decls: tuple[ParamDecl, ...]


@dataclass(frozen=True, slots=True)
class Bind(Named):
    """`x = expression;` in a flow. Binding a name again gives it a new value from there on."""

    name: str
    value: Expr


@dataclass(frozen=True, slots=True)
class Repeat(Named):
    name: str
    over: Expr
    body: tuple[FlowStmt, ...]


@dataclass(frozen=True, slots=True)
class Predict(Node):
    value: Expr


FlowStmt: TypeAlias = Bind | Repeat | Predict | Let | Require


@dataclass(frozen=True, slots=True)
class Flow(Node):
    body: tuple[FlowStmt, ...]


@dataclass(frozen=True, slots=True)
class Loss(Node):
    value: Expr


@dataclass(frozen=True, slots=True)
class Setting(Named):
    """`epochs: 30;` in a train block, a property or a test."""

    name: str
    value: Expr


@dataclass(frozen=True, slots=True)
class Train(Node):
    settings: tuple[Setting, ...]


ModelPart: TypeAlias = Size | Hyper | Let | Require | Data | Params | Flow | Loss | Train


@dataclass(frozen=True, slots=True)
class Model(Item):
    name: str
    generics: tuple[Generic, ...]
    parts: tuple[ModelPart, ...]


@dataclass(frozen=True, slots=True)
class Assume(Node):
    condition: Expr


@dataclass(frozen=True, slots=True)
class Assert(Node):
    condition: Expr
    message: str | None


CheckStmt: TypeAlias = Assume | Assert | Setting | Let


@dataclass(frozen=True, slots=True)
class Property(Item):
    name: str
    params: tuple[Param, ...]
    body: tuple[CheckStmt, ...]


@dataclass(frozen=True, slots=True)
class Test(Item):
    name: str
    body: tuple[CheckStmt, ...]


TopLevel: TypeAlias = Import | Const | Size | Hyper | Ansatz | Circuit | Attention | Noise | Model | Property | Test


@dataclass(frozen=True, slots=True)
class Comment(Node):
    """A `//` or `/* */` comment with its marks; `own_line` where nothing but blanks stands before it on its line."""

    text: str
    own_line: bool


@dataclass(frozen=True, slots=True)
class File(Node):
    """A whole file. Comments stay beside the tree, by place, for the printer."""

    source: Source = field(compare=False, repr=False)
    version: str
    items: tuple[TopLevel, ...]
    comments: tuple[Comment, ...] = field(default=(), compare=False, repr=False)
