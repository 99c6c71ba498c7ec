"""The canonical text of a file: two blanks of indentation, one statement a line, every comment kept.

Layout follows from the tree, except for two choices of the author's that are kept: a blank line between statements,
and a short block written on one line. A comment stands in front of what it stood in front of; one inside an expression
or a signature moves in front of its statement; one behind a statement stays behind it. A `///` that documents
nothing becomes `//`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from qsanc.syntax import ast
from qsanc.syntax.lexer import is_doc, lex
from qsanc.syntax.spell import (
    BREAK,
    declared,
    gate_line,
    generics,
    quote,
    registers,
    spell,
    type_of,
    value,
    within,
)

WIDTH = 100

Line: TypeAlias = (
    ast.TopLevel
    | ast.ModelPart
    | ast.Stmt
    | ast.FlowStmt
    | ast.CheckStmt
    | ast.Part
    | ast.Mask
    | ast.Score
    | ast.Normalize
    | ast.NoiseRule
    | ast.Dim
    | ast.DataField
    | ast.ParamDecl
)
"""What stands on lines of its own."""

_TOGETHER = (ast.Import, (ast.Const, ast.Size, ast.Hyper))
"""Items that may follow one of their kind without a blank line."""


def print_expression(expr: ast.Expr) -> str:
    """The canonical text of an expression, on one line."""
    return spell(expr).replace(BREAK, " ")


def print_file(file: ast.File) -> str:
    """The canonical text of a file. Parsing it gives an equal tree, and printing that the same text again."""
    return _Printer(file).text()


class _Printer:
    def __init__(self, file: ast.File) -> None:
        self._file = file
        self._source = file.source.text
        self._comments = list(file.comments)
        tokens = lex(file.source).tokens
        self._header = (tokens[0].start, tokens[2 if tokens[2].type == "SEMICOLON" else 1].end)
        self._braces = [token.start for token in tokens if token.type == "LBRACE"]
        self._lines: list[str] = []
        self._end = 0
        self._fresh = True
        self._takes_comment = False

    def text(self) -> str:
        start, end = self._header
        self._comments_before(start, 0)
        self._comments_inside(start, end, 0)
        self._emit(f"qsan {self._file.version}", 0, end)
        before: ast.TopLevel | None = None
        for item in self._file.items:
            together = any(isinstance(before, kinds) and isinstance(item, kinds) for kinds in _TOGETHER)
            self._line(item, 0, apart=not together)
            before = item
        self._comments_before(len(self._source), 0, apart=True)
        return "\n".join(self._lines) + "\n"

    # ---- lines and comments --------------------------------------------------------------------------------------

    def _emit(self, text: str, indent: int, end: int) -> None:
        """Write a line, broken where it is too long, that stands for the source up to `end`."""
        self._lines.extend(_fitted(text, indent))
        self._end = end
        self._fresh = False
        self._takes_comment = True

    def _blank_before(self, start: int, apart: bool) -> None:
        wanted = apart or self._source.count("\n", self._end, max(start, self._end)) > 1
        if wanted and not self._fresh and self._lines and self._lines[-1]:
            self._lines.append("")

    def _comments_before(self, start: int, indent: int, *, apart: bool = False, documents: bool = False) -> bool:
        """Write the comments that stand before an offset. Whether `apart` is still to be honoured."""
        while self._comments and self._comments[0].span.start < start:
            comment = self._comments.pop(0)
            at = comment.span.start
            behind = at >= self._end and "\n" not in self._source[self._end : at]
            if behind and self._takes_comment:
                self._lines[-1] += " " + _plain(comment.text)
                self._end = comment.span.end
                self._takes_comment = not comment.text.startswith("//")
                continue
            self._blank_before(at, apart)
            apart = False
            keeps = documents and comment.own_line and at >= self._end
            self._write_comment(comment.text if keeps else _plain(comment.text), indent)
            self._end = max(self._end, comment.span.end)
        return apart

    def _comments_inside(self, start: int, end: int, indent: int) -> None:
        """Write the comments between two offsets of one statement in front of it."""
        first = next((i for i, c in enumerate(self._comments) if c.span.start >= start), len(self._comments))
        while first < len(self._comments) and self._comments[first].span.start < end:
            self._write_comment(_plain(self._comments.pop(first).text), indent)

    def _write_comment(self, text: str, indent: int) -> None:
        self._lines.extend((" " * indent + text.replace("\r\n", "\n")).split("\n"))
        self._fresh = False
        self._takes_comment = not text.startswith("//")

    def _has_comments(self, start: int, end: int) -> bool:
        return any(start <= comment.span.start < end for comment in self._comments)

    def _brace(self, start: int) -> int:
        """The offset of the first `{` from `start` on."""
        return self._braces[bisect_left(self._braces, start)]

    # ---- one node ------------------------------------------------------------------------------------------------

    def _line(self, node: Line, indent: int, *, apart: bool = False) -> None:
        start, end = node.span.start, node.span.end
        apart = self._comments_before(start, indent, apart=apart, documents=isinstance(node, ast.Item))
        self._blank_before(start, apart)
        if (simple := _simple(node)) is not None:
            self._comments_inside(start, end, indent)
            self._emit(simple, indent, end)
            return
        brace = self._brace(start)
        self._comments_inside(start, brace, indent)
        if (short := self._short(node, indent)) is not None:
            self._emit(short, indent, end)
            return
        match node:
            case ast.If():
                self._branch(node, "if", indent)
            case ast.Part(role=role, body=body, result=result):
                tail = f"}} -> {spell(result)};" if result is not None else "}"
                self._block(role, brace, body.body, body.span.end, tail, indent)
            case ast.For(body=body):
                self._block(_head(node, indent), brace, body.body, end, "}", indent)
            case _:
                self._block(_head(node, indent), brace, _children(node), end, "}", indent)
        self._end = end

    def _block(self, head: str, brace: int, body: Sequence[Line], end: int, tail: str, indent: int) -> None:
        if not body and not self._has_comments(brace, end):
            self._emit(f"{head} {{{tail}", indent, end)
            return
        self._emit(f"{head} {{", indent, brace + 1)
        self._body(body, end, indent)
        self._emit(tail, indent, end)

    def _body(self, body: Iterable[Line], end: int, indent: int) -> None:
        self._fresh = True
        for child in body:
            self._line(child, indent + 2)
        self._comments_before(end - 1, indent + 2)

    def _branch(self, node: ast.If, word: str, indent: int) -> None:
        self._emit(f"{word} {spell(node.condition)} {{", indent, node.then.span.start + 1)
        self._body(node.then.body, node.then.span.end, indent)
        match node.orelse:
            case None:
                self._emit("}", indent, node.span.end)
            case ast.Block(body=(ast.If() as inner,), span=span) if span == inner.span:
                self._branch(inner, "} else if", indent)
            case block:
                self._emit("} else {", indent, block.span.start + 1)
                self._body(block.body, block.span.end, indent)
                self._emit("}", indent, node.span.end)

    def _short(self, node: Line, indent: int) -> str | None:
        """The block on one line, where the author wrote it so, it holds only simple statements and it fits."""
        span = node.span
        if isinstance(node, ast.Item) or "\n" in span.text or self._has_comments(span.start, span.end):
            return None
        text = _on_one_line(node)
        return text if text is not None and indent + len(text) <= WIDTH else None


def _plain(comment: str) -> str:
    return "//" + comment[3:] if is_doc(comment) else comment


def _fitted(text: str, indent: int) -> list[str]:
    """The lines of a text whose breaks are used only where it is wider than `WIDTH`."""
    lines: list[str] = []
    for written in text.split("\n"):
        line = ""
        for piece in written.split(BREAK):
            if not line:
                line = " " * indent + piece
            elif len(line) + 1 + len(piece) <= WIDTH:
                line += " " + piece
            else:
                lines.append(line)
                line = " " * (indent + 4) + piece
        lines.append(line)
    return lines


def _simple(node: Line) -> str | None:
    """The text of a node without a block; None for one that has a block."""
    match node:
        case ast.Import(target=target, is_file=is_file, alias=alias, names=None):
            return f"import {quote(target) if is_file else target}{_renamed(alias)};"
        case ast.Import(target=target, is_file=is_file, names=names) if names is not None:
            listed = f",{BREAK}".join(f"{name.name}{_renamed(name.alias)}" for name in names)
            return f"from {quote(target) if is_file else target} import {listed};"
        case ast.Const(name=name, type=type, value=default):
            return f"const {name}{_typed(type)}{value(default)};"
        case ast.Size(name=name, within=limits, value=default):
            return f"size {name}{within(limits)}{value(default)};"
        case ast.Hyper(name=name, type=type, within=limits, value=default):
            return f"hyper {name}{_typed(type)}{within(limits)}{value(default)};"
        case ast.Let(name=name, type=type, value=default):
            return f"let {name}{_typed(type)}{value(default)};"
        case ast.Require(condition=condition, message=message):
            return f"require {spell(condition)}{_message(message)};"
        case ast.Return(value=returned):
            return f"return {spell(returned)};"
        case ast.Apply():
            return f"{gate_line(node)};"
        case ast.Mask(value=mask):
            return f"mask {spell(mask)};"
        case ast.Score(value=score):
            return f"score {spell(score)};"
        case ast.Normalize(value=how):
            return f"normalize {spell(how)};"
        case ast.NoiseRule():
            return _noise_rule(node)
        case ast.Dim(name=name, within=limits):
            return f"dim {name}{within(limits)};"
        case ast.DataField(name=name, type=type, within=limits):
            return f"{name}{_typed(type)}{within(limits)};"
        case ast.ParamDecl(frozen=frozen, name=name, type=type, within=limits, distribution=drawn, value=default):
            initial = f" ~ {spell(drawn)}" if drawn is not None else value(default)
            return f"{'frozen ' if frozen else ''}{name}{_typed(type)}{within(limits)}{initial};"
        case ast.Bind(name=name, value=bound):
            return f"{name} = {spell(bound)};"
        case ast.Predict(value=predicted):
            return f"predict {spell(predicted)};"
        case ast.Loss(value=loss):
            return f"loss {spell(loss)};"
        case ast.Setting(name=name, value=setting):
            return f"{name}: {spell(setting)};"
        case ast.Assume(condition=condition):
            return f"assume {spell(condition)};"
        case ast.Assert(condition=condition, message=message):
            return f"assert {spell(condition)}{_message(message)};"
        case _:
            return None


def _head(node: Line, indent: int) -> str:
    """What stands before the `{` of a block."""
    match node:
        case ast.Ansatz():
            return _signature("ansatz", node, "")
        case ast.Circuit(result=result):
            return _signature("circuit", node, f" -> {type_of(result)}")
        case ast.Attention(result=result):
            return _signature("attention", node, f" -> {type_of(result)}" if result is not None else "")
        case ast.Noise(name=name, params=params):
            return _parametrised(f"noise {name}", params, "")
        case ast.Model(name=name, generics=nodes):
            return f"model {name}{generics(nodes)}"
        case ast.Property(name=name, params=params):
            return _parametrised(f"property {name}", params, "")
        case ast.Test(name=name):
            return f"test {name}"
        case ast.For(name=name, over=over):
            return f"for {name} in {spell(over)}"
        case ast.Repeat(name=name, over=over):
            return f"repeat {name} in {spell(over)}"
        case ast.Data() | ast.Params() | ast.Flow() | ast.Train():
            return type(node).__name__.lower()
        case _:
            raise AssertionError(f"{type(node).__name__} has no block")


def _signature(word: str, node: ast.Ansatz | ast.Circuit | ast.Attention, result: str) -> str:
    return _parametrised(
        f"{word} {node.name}{generics(node.generics)}", node.params, registers(node.registers) + result
    )


def _parametrised(before: str, params: tuple[ast.Param, ...], behind: str) -> str:
    """A head with its parameters on its line, or one a line where they do not fit."""
    if not params:
        return before + behind
    spelled = [declared(param) for param in params]
    line = f"{before}({', '.join(spelled)}){behind} {{".replace(BREAK, " ")
    if len(line) <= WIDTH:
        return line[:-2]
    return f"{before}(\n" + "".join(f"    {param},\n" for param in spelled) + f"){behind}"


def _children(node: Line) -> Sequence[Line]:
    match node:
        case ast.Ansatz(body=body) | ast.Circuit(body=body):
            return body.body
        case ast.Attention(parts=parts) | ast.Model(parts=parts):
            return parts
        case ast.Noise(rules=rules):
            return rules
        case ast.Property(body=body) | ast.Test(body=body) | ast.Flow(body=body) | ast.Repeat(body=body):
            return body
        case ast.Data(fields=fields):
            return fields
        case ast.Params(decls=decls):
            return decls
        case ast.Train(settings=settings):
            return settings
        case _:
            raise AssertionError(f"{type(node).__name__} has no block")


def _on_one_line(node: Line) -> str | None:
    match node:
        case ast.For(body=block):
            body = _statements(block.body)
            return None if body is None else f"{_head(node, 0)} {{{body}}}".replace(BREAK, " ")
        case ast.Part(role=role, body=block, result=result):
            body = _statements(block.body)
            tail = f" -> {spell(result)};" if result is not None else ""
            return None if body is None else f"{role} {{{body}}}{tail}".replace(BREAK, " ")
        case ast.If(condition=condition, then=then, orelse=orelse):
            first = _statements(then.body)
            second = _statements(orelse.body) if orelse is not None else ""
            if first is None or second is None:
                return None
            tail = f" else {{{second}}}" if orelse is not None else ""
            return f"if {spell(condition)} {{{first}}}{tail}".replace(BREAK, " ")
        case _:
            body = _statements(_children(node))
            return None if body is None else f"{_head(node, 0)} {{{body}}}".replace(BREAK, " ")


def _statements(body: Sequence[Line]) -> str | None:
    texts = [_simple(node) for node in body]
    simple = [text for text in texts if text is not None]
    if len(simple) < len(texts):
        return None
    return f" {' '.join(simple)} " if simple else ""


def _noise_rule(node: ast.NoiseRule) -> str:
    gates = f" {f',{BREAK}'.join(node.gates)}" if node.gates else ""
    wires = f" on [{f',{BREAK}'.join(spell(wire) for wire in node.wires)}]" if node.wires is not None else ""
    return f"{node.when}{gates}{wires}: {spell(node.channel)};"


def _typed(type: ast.Type | None) -> str:
    return f": {type_of(type)}" if type is not None else ""


def _renamed(alias: str | None) -> str:
    return f" as {alias}" if alias is not None else ""


def _message(message: str | None) -> str:
    return f", {quote(message)}" if message is not None else ""
