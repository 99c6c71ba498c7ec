"""The tree, built rule by rule as the parser reduces: one method for each rule of the grammar that has a meaning.

Each method takes the first and last offset of its text and the values of its parts, None where a part was left out.
"""

from __future__ import annotations

from typing import Literal, cast

from qsanc.source import Source, Span
from qsanc.syntax import ast
from qsanc.syntax.lexer import Lexed, Token, unquote

Init = tuple[Literal["~", "="], ast.Expr]


class Builder:
    def __init__(self, source: Source, lexed: Lexed) -> None:
        self._source = source
        self._span = source.span
        self._docs = lexed.docs
        self._comments = lexed.comments

    def _at(self, token: Token) -> Span:
        return self._span(token.start, token.end)

    # ---- file, imports, constants --------------------------------------------------------------------------------

    def start(self, start: int, end: int, version: str, *items: ast.TopLevel) -> ast.File:
        whole = self._span(0, len(self._source.text))
        return ast.File(self._source, version, items, self._comments, span=whole)

    def expression(self, start: int, end: int, value: ast.Expr) -> ast.Expr:
        return value

    def header(self, start: int, end: int, version: Token) -> str:
        return version.text

    def import_module(self, start: int, end: int, target: tuple[str, Span, bool], alias: Token | None) -> ast.Import:
        text, span, is_file = target
        return ast.Import(text, span, is_file, alias.text if alias else None, span=self._span(start, end))

    def import_names(self, start: int, end: int, target: tuple[str, Span, bool], *names: ast.ImportName) -> ast.Import:
        text, span, is_file = target
        return ast.Import(text, span, is_file, None, names, span=self._span(start, end))

    def import_name(self, start: int, end: int, name: Token, alias: Token | None) -> ast.ImportName:
        return ast.ImportName(name.text, alias.text if alias else None, span=self._span(start, end))

    def file_target(self, start: int, end: int, name: Token) -> tuple[str, Span, bool]:
        return unquote(name.text), self._at(name), True

    def module_target(self, start: int, end: int, name: tuple[str, Span]) -> tuple[str, Span, bool]:
        return *name, False

    def dotted(self, start: int, end: int, *names: Token) -> tuple[str, Span]:
        return ".".join(name.text for name in names), self._span(start, end)

    def const(self, start: int, end: int, name: Token, type: ast.Type | None, value: ast.Expr) -> ast.Const:
        return ast.Const(
            name.text, type, value, span=self._span(start, end), name_span=self._at(name), doc=self._docs.get(start)
        )

    def size(self, start: int, end: int, name: Token, within: ast.Expr | None, value: ast.Expr | None) -> ast.Size:
        return ast.Size(
            name.text, within, value, span=self._span(start, end), name_span=self._at(name), doc=self._docs.get(start)
        )

    def hyper(
        self, start: int, end: int, name: Token, type: ast.Type, within: ast.Expr | None, value: ast.Expr
    ) -> ast.Hyper:
        return ast.Hyper(
            name.text, type, within, value,
            span=self._span(start, end), name_span=self._at(name), doc=self._docs.get(start),
        )  # fmt: skip

    # ---- types and signatures ------------------------------------------------------------------------------------

    def type(self, start: int, end: int, kind: Token, dims: tuple[ast.Expr, ...] | None) -> ast.Type:
        return ast.Type(cast(ast.TypeName, kind.text), dims or (), span=self._span(start, end))

    def dims(self, start: int, end: int, *values: ast.Expr) -> tuple[ast.Expr, ...]:
        return values

    wires = dims

    def generics(self, start: int, end: int, *values: ast.Generic) -> tuple[ast.Generic, ...]:
        return values

    def generic(
        self,
        start: int,
        end: int,
        name: Token,
        type: ast.Type | None,
        within: ast.Expr | None,
        default: ast.Expr | None,
    ) -> ast.Generic:
        return ast.Generic(name.text, type, within, default, span=self._span(start, end), name_span=self._at(name))

    def signature(self, start: int, end: int, *values: ast.Param) -> tuple[ast.Param, ...]:
        return values

    def param(
        self, start: int, end: int, name: Token, type: ast.Type, within: ast.Expr | None, default: ast.Expr | None
    ) -> ast.Param:
        return ast.Param(name.text, type, within, default, span=self._span(start, end), name_span=self._at(name))

    def registers(self, start: int, end: int, *values: ast.Register) -> tuple[ast.Register, ...]:
        return values

    def register(self, start: int, end: int, name: Token, type: ast.Type) -> ast.Register:
        return ast.Register(name.text, type, span=self._span(start, end), name_span=self._at(name))

    # ---- ansatz and circuit --------------------------------------------------------------------------------------

    def ansatz(
        self,
        start: int,
        end: int,
        name: Token,
        generics: tuple[ast.Generic, ...] | None,
        params: tuple[ast.Param, ...] | None,
        registers: tuple[ast.Register, ...],
        body: ast.Block,
    ) -> ast.Ansatz:
        return ast.Ansatz(
            name.text, generics or (), params or (), registers, body,
            span=self._span(start, end), name_span=self._at(name), doc=self._docs.get(start),
        )  # fmt: skip

    def circuit(
        self,
        start: int,
        end: int,
        name: Token,
        generics: tuple[ast.Generic, ...] | None,
        params: tuple[ast.Param, ...] | None,
        registers: tuple[ast.Register, ...],
        result: ast.Type,
        body: ast.Block,
    ) -> ast.Circuit:
        return ast.Circuit(
            name.text, generics or (), params or (), registers, result, body,
            span=self._span(start, end), name_span=self._at(name), doc=self._docs.get(start),
        )  # fmt: skip

    def block(self, start: int, end: int, *body: ast.Stmt) -> ast.Block:
        return ast.Block(body, span=self._span(start, end))

    def let(self, start: int, end: int, name: Token, type: ast.Type | None, value: ast.Expr) -> ast.Let:
        return ast.Let(name.text, type, value, span=self._span(start, end), name_span=self._at(name))

    def for_loop(self, start: int, end: int, name: Token, over: ast.Expr, body: ast.Block) -> ast.For:
        return ast.For(name.text, over, body, span=self._span(start, end), name_span=self._at(name))

    def branch(self, start: int, end: int, condition: ast.Expr, then: ast.Block, orelse: ast.Block | None) -> ast.If:
        return ast.If(condition, then, orelse, span=self._span(start, end))

    def else_if(self, start: int, end: int, branch: ast.If) -> ast.Block:
        return ast.Block((branch,), span=self._span(start, end))

    def require(self, start: int, end: int, condition: ast.Expr, message: Token | None) -> ast.Require:
        return ast.Require(condition, unquote(message.text) if message else None, span=self._span(start, end))

    def return_stmt(self, start: int, end: int, value: ast.Expr) -> ast.Return:
        return ast.Return(value, span=self._span(start, end))

    def apply(
        self,
        start: int,
        end: int,
        modifiers: tuple[ast.Inverse | ast.Power, ...],
        gate: tuple[str, Span],
        generics: tuple[ast.Arg, ...] | None,
        args: tuple[ast.Arg, ...] | None,
        operands: tuple[ast.Operand, ...],
    ) -> ast.Apply:
        callee, callee_span = gate
        return ast.Apply(
            modifiers, callee, callee_span, generics or (), args or (), operands, span=self._span(start, end)
        )

    def modifiers(self, start: int, end: int, *values: ast.Inverse | ast.Power) -> tuple[ast.Inverse | ast.Power, ...]:
        return values

    def inverse(self, start: int, end: int) -> ast.Inverse:
        return ast.Inverse(span=self._span(start, end))

    def power(self, start: int, end: int, exponent: ast.Expr) -> ast.Power:
        return ast.Power(exponent, span=self._span(start, end))

    def gate(self, start: int, end: int, name: tuple[str, Span]) -> tuple[str, Span]:
        return name

    def operands(self, start: int, end: int, *values: ast.Operand) -> tuple[ast.Operand, ...]:
        return values

    def operand(self, start: int, end: int, name: Token, index: tuple[ast.Arg, ...] | None) -> ast.Operand:
        return ast.Operand(name.text, index or (), span=self._span(start, end))

    def generic_args(self, start: int, end: int, values: tuple[ast.Arg, ...]) -> tuple[ast.Arg, ...]:
        return values

    # ---- attention and noise -------------------------------------------------------------------------------------

    def attention(
        self,
        start: int,
        end: int,
        name: Token,
        generics: tuple[ast.Generic, ...] | None,
        params: tuple[ast.Param, ...] | None,
        registers: tuple[ast.Register, ...],
        result: ast.Type | None,
        *parts: ast.Part | ast.Mask | ast.Score | ast.Normalize | ast.Let | ast.Require,
    ) -> ast.Attention:
        return ast.Attention(
            name.text, generics or (), params or (), registers, result, parts,
            span=self._span(start, end), name_span=self._at(name), doc=self._docs.get(start),
        )  # fmt: skip

    def part(self, start: int, end: int, role: Token, body: ast.Block, result: ast.Expr | None = None) -> ast.Part:
        named = cast(Literal["encode", "query", "key", "value"], role.text)
        return ast.Part(named, body, result, span=self._span(start, end))

    def mask(self, start: int, end: int, value: ast.Expr) -> ast.Mask:
        return ast.Mask(value, span=self._span(start, end))

    def score(self, start: int, end: int, value: ast.Expr) -> ast.Score:
        return ast.Score(value, span=self._span(start, end))

    def normalize(self, start: int, end: int, value: ast.Expr) -> ast.Normalize:
        return ast.Normalize(value, span=self._span(start, end))

    def noise(
        self, start: int, end: int, name: Token, params: tuple[ast.Param, ...] | None, *rules: ast.NoiseRule
    ) -> ast.Noise:
        return ast.Noise(
            name.text, params or (), rules,
            span=self._span(start, end), name_span=self._at(name), doc=self._docs.get(start),
        )  # fmt: skip

    def gate_noise(
        self,
        start: int,
        end: int,
        when: Token,
        gates: tuple[Token, ...],
        wires: tuple[ast.Expr, ...] | None,
        channel: ast.Expr,
    ) -> ast.NoiseRule:
        return ast.NoiseRule(
            cast(Literal["after", "before"], when.text),
            tuple(gate.text for gate in gates),
            tuple(self._at(gate) for gate in gates),
            wires,
            channel,
            span=self._span(start, end),
        )

    def wire_noise(self, start: int, end: int, when: Token, channel: ast.Expr) -> ast.NoiseRule:
        named = cast(Literal["idle", "prepare", "readout"], when.text)
        return ast.NoiseRule(named, (), (), None, channel, span=self._span(start, end))

    def gate_set(self, start: int, end: int, *gates: Token) -> tuple[Token, ...]:
        return gates

    # ---- model ---------------------------------------------------------------------------------------------------

    def model(
        self, start: int, end: int, name: Token, generics: tuple[ast.Generic, ...] | None, *parts: ast.ModelPart
    ) -> ast.Model:
        return ast.Model(
            name.text, generics or (), parts,
            span=self._span(start, end), name_span=self._at(name), doc=self._docs.get(start),
        )  # fmt: skip

    def data(self, start: int, end: int, *fields: ast.Dim | ast.DataField) -> ast.Data:
        return ast.Data(fields, span=self._span(start, end))

    def dim(self, start: int, end: int, name: Token, within: ast.Expr | None) -> ast.Dim:
        return ast.Dim(name.text, within, span=self._span(start, end), name_span=self._at(name))

    def data_field(self, start: int, end: int, name: Token, type: ast.Type, within: ast.Expr | None) -> ast.DataField:
        return ast.DataField(name.text, type, within, span=self._span(start, end), name_span=self._at(name))

    def params(self, start: int, end: int, *decls: ast.ParamDecl) -> ast.Params:
        return ast.Params(decls, span=self._span(start, end))

    def param_decl(
        self,
        start: int,
        end: int,
        frozen: Token | None,
        name: Token,
        type: ast.Type,
        within: ast.Expr | None,
        initial: Init | None,
    ) -> ast.ParamDecl:
        mark, value = initial or (None, None)
        return ast.ParamDecl(
            frozen is not None, name.text, type, within, value if mark == "~" else None, value if mark == "=" else None,
            span=self._span(start, end), name_span=self._at(name),
        )  # fmt: skip

    def distribution(self, start: int, end: int, value: ast.Expr) -> Init:
        return "~", value

    def initial_value(self, start: int, end: int, value: ast.Expr) -> Init:
        return "=", value

    def flow(self, start: int, end: int, *body: ast.FlowStmt) -> ast.Flow:
        return ast.Flow(body, span=self._span(start, end))

    def bind(self, start: int, end: int, name: Token, value: ast.Expr) -> ast.Bind:
        return ast.Bind(name.text, value, span=self._span(start, end), name_span=self._at(name))

    def repeat(self, start: int, end: int, name: Token, over: ast.Expr, *body: ast.FlowStmt) -> ast.Repeat:
        return ast.Repeat(name.text, over, body, span=self._span(start, end), name_span=self._at(name))

    def predict(self, start: int, end: int, value: ast.Expr) -> ast.Predict:
        return ast.Predict(value, span=self._span(start, end))

    def loss(self, start: int, end: int, value: ast.Expr) -> ast.Loss:
        return ast.Loss(value, span=self._span(start, end))

    def train(self, start: int, end: int, *settings: ast.Setting) -> ast.Train:
        return ast.Train(settings, span=self._span(start, end))

    def setting(self, start: int, end: int, name: Token, value: ast.Expr) -> ast.Setting:
        return ast.Setting(name.text, value, span=self._span(start, end), name_span=self._at(name))

    # ---- properties and tests ------------------------------------------------------------------------------------

    def property(
        self, start: int, end: int, name: Token, params: tuple[ast.Param, ...] | None, *body: ast.CheckStmt
    ) -> ast.Property:
        return ast.Property(
            name.text, params or (), body,
            span=self._span(start, end), name_span=self._at(name), doc=self._docs.get(start),
        )  # fmt: skip

    def test(self, start: int, end: int, name: Token, *body: ast.CheckStmt) -> ast.Test:
        return ast.Test(
            name.text, body, span=self._span(start, end), name_span=self._at(name), doc=self._docs.get(start)
        )

    def assume(self, start: int, end: int, condition: ast.Expr) -> ast.Assume:
        return ast.Assume(condition, span=self._span(start, end))

    def assertion(self, start: int, end: int, condition: ast.Expr, message: Token | None) -> ast.Assert:
        return ast.Assert(condition, unquote(message.text) if message else None, span=self._span(start, end))

    # ---- expressions ---------------------------------------------------------------------------------------------

    def range(self, start: int, end: int, low: ast.Expr, mark: Token, high: ast.Expr) -> ast.Range:
        return ast.Range(low, high, mark.text == "..=", span=self._span(start, end))

    def binary(self, start: int, end: int, left: ast.Expr, op: Token, right: ast.Expr) -> ast.Binary:
        written = cast(Literal["+", "-", "*", "/", "%", "^", "@", ">>", "and", "or"], op.text)
        return ast.Binary(written, left, right, span=self._span(start, end))

    def unary(self, start: int, end: int, op: Token, operand: ast.Expr) -> ast.Unary:
        return ast.Unary(cast(Literal["-", "not"], op.text), operand, span=self._span(start, end))

    def compare(self, start: int, end: int, left: ast.Expr, op: Token, right: ast.Expr) -> ast.Compare:
        written = cast(Literal["==", "!=", "<=", ">=", "<", ">"], op.text)
        return ast.Compare(written, left, right, span=self._span(start, end))

    def approx(
        self, start: int, end: int, left: ast.Expr, right: ast.Expr, tolerance: ast.Expr | None, strict: Token | None
    ) -> ast.Approx:
        return ast.Approx(left, right, tolerance, strict is not None, span=self._span(start, end))

    def index(self, start: int, end: int, base: ast.Expr, args: tuple[ast.Arg, ...]) -> ast.Index:
        return ast.Index(base, args, span=self._span(start, end))

    def call(self, start: int, end: int, base: ast.Expr, args: tuple[ast.Arg, ...]) -> ast.Call:
        return ast.Call(base, args, span=self._span(start, end))

    def attribute(self, start: int, end: int, base: ast.Expr, name: Token) -> ast.Attr:
        return ast.Attr(base, name.text, span=self._span(start, end))

    def number(self, start: int, end: int, token: Token) -> ast.Number:
        text = token.text
        return ast.Number(int(text) if text.isdigit() else float(text), text, span=self._span(start, end))

    def quantity(self, start: int, end: int, token: Token) -> ast.Quantity:
        digits = token.text.rstrip("abcdefghijklmnopqrstuvwxyz")
        unit = cast(Literal["deg", "rad", "turn", "ns", "us", "ms"], token.text[len(digits) :])
        return ast.Quantity(float(digits), unit, token.text, span=self._at(token))

    def string(self, start: int, end: int, token: Token) -> ast.String:
        return ast.String(unquote(token.text), span=self._at(token))

    def boolean(self, start: int, end: int, token: Token) -> ast.Bool:
        return ast.Bool(token.text == "true", span=self._at(token))

    def name_expr(self, start: int, end: int, token: Token) -> ast.Name:
        return ast.Name(token.text, span=self._span(start, end))

    def paren(self, start: int, end: int, value: ast.Expr) -> ast.Expr:
        return value

    def list_of(self, start: int, end: int, *items: ast.Expr) -> ast.ListOf:
        return ast.ListOf(items, span=self._span(start, end))

    def comprehension(self, start: int, end: int, body: ast.Expr, name: Token, over: ast.Expr) -> ast.Comprehension:
        return ast.Comprehension(body, name.text, over, span=self._span(start, end), name_span=self._at(name))

    def index_args(self, start: int, end: int, *args: ast.Arg | ast.Whole) -> tuple[ast.Arg, ...]:
        return tuple([ast.Arg(None, arg, span=arg.span) if isinstance(arg, ast.Whole) else arg for arg in args])

    def whole(self, start: int, end: int, mark: Token) -> ast.Whole:
        return ast.Whole(span=self._at(mark))

    def call_args(self, start: int, end: int, *args: ast.Arg) -> tuple[ast.Arg, ...]:
        return args

    def named_arg(self, start: int, end: int, name: Token, value: ast.Expr) -> ast.Arg:
        return ast.Arg(name.text, value, span=self._span(start, end))

    def positional_arg(self, start: int, end: int, value: ast.Expr) -> ast.Arg:
        in_parentheses = value.span.start != start
        return ast.Arg(None, value, span=self._span(start, end) if in_parentheses else value.span)
