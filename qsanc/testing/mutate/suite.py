"""A file, the blocks that test it, and what they make of each mutant."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

from qsanc import driver
from qsanc.check.imports import load
from qsanc.check.module import Definition, Module
from qsanc.diagnostics import Diagnostic, Note, QsanError
from qsanc.source import Span
from qsanc.syntax import ast
from qsanc.testing.blocks.cases import Case, cases_of
from qsanc.testing.blocks.engine import Engine
from qsanc.testing.blocks.search import Options, check
from qsanc.testing.mutate.mutant import Mutant
from qsanc.testing.mutate.operators import mutants
from qsanc.testing.mutate.reach import reached, users
from qsanc.testing.mutate.same import compare
from qsanc.testing.mutate.trial import first_failure

Blocks: TypeAlias = Mapping[str, tuple[tuple[Path, str], ...]]
Texts: TypeAlias = Mapping[Path, str]
Fate: TypeAlias = Literal["killed", "survived", "equivalent", "invalid"]
DEFAULT_EXAMPLES = 20


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant.

    A *killed* one failed in the block `by`, at its example number `example`; at 0 the compiler refused what the block
    asks of it, which says `how`. A *survived* one passed the blocks in `passed`, and `how` tells where it differs from
    the original. An *equivalent* one does the same as the original, `how` that was found. An *invalid* one is refused
    by the compiler whatever the blocks ask, which says `how`. The last two do not count.
    """

    number: int
    fate: Fate
    how: str = ""
    by: str = ""
    example: int = 0
    passed: tuple[str, ...] = ()


def score(verdicts: Iterable[Verdict]) -> float | None:
    """Killed ones as a part of those killed or survived; None where there are none."""
    fates = [verdict.fate for verdict in verdicts]
    killed, survived = fates.count("killed"), fates.count("survived")
    return killed / (killed + survived) if killed + survived else None


@dataclass(frozen=True, slots=True, eq=False)
class Suite:
    """A file and its mutants, with the blocks of `paths` that use each of its definitions.

    `blocks` maps a definition to (path, name) of blocks, tests before properties: what is tried once is quick. `texts`
    are the files as they were when all this was read.
    """

    file: Path
    module: Module
    mutants: tuple[Mutant, ...]
    blocks: Blocks
    texts: Texts
    examples: int
    seed: int
    backend: str

    @staticmethod
    def of(
        file: Path,
        paths: Sequence[Path],
        *,
        examples: int = DEFAULT_EXAMPLES,
        seed: int = 0,
        backend: str = "numpy",
    ) -> Suite:
        """The suite of a file: the tests and properties in it and in the other `paths`.

        Raises QsanError for what is wrong in one of them.
        """
        module = load(file)
        driver.check(module)
        cases = _tests_first(case for path in _each_once([file, *paths]) for case in cases_of(path))
        uses = {id(case): reached(Definition(case.item, case.module), file) for case in cases}
        found = mutants(module.file)
        blocks = {
            name: tuple((case.path, case.name) for case in cases if name in uses[id(case)])
            for name in dict.fromkeys(mutant.definition for mutant in found)
        }
        texts = {case.path.resolve(): case.module.file.source.text for case in cases}
        texts[file.resolve()] = module.file.source.text
        return Suite(file, module, found, blocks, texts, examples, seed, backend)

    def check_original(self) -> None:
        """Raises QsanError where a block fails before anything is mutated: then its failures mean nothing."""
        engine = Engine(self.backend)
        options = Options(examples=self.examples, seed=self.seed, backend=self.backend, failures=None)
        wanted = {block for blocks in self.blocks.values() for block in blocks}
        failed: list[Diagnostic] = []
        for path in dict.fromkeys(path for path, _ in sorted(wanted)):
            for case in cases_of(path):
                if (path, case.name) in wanted:
                    failed += check(case, engine, options).diagnostics
        if failed:
            raise QsanError(replace(found, notes=(*found.notes, Note(_FIRST))) for found in failed)

    def verdicts(self, *, jobs: int = 1) -> Iterator[Verdict]:
        """What becomes of each mutant, in their order; with several `jobs`, processes share them."""
        numbers = range(len(self.mutants))
        if jobs == 1:
            yield from map(self.judge, numbers)
            return
        start = partial(_start, self.file, self.blocks, self.texts, self.examples, self.seed, self.backend)
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(jobs, mp_context=spawn, initializer=start) as pool:
            yield from pool.map(_judge, numbers)

    def judge(self, number: int) -> Verdict:
        """Run the blocks that use what was mutated, until one fails; compare what none of them notices."""
        mutant = self.mutants[number]
        blocks = self.blocks[mutant.definition]
        modules: dict[Path, Module] = {}
        texts = {**self.texts, self.file.resolve(): mutant.text}
        for path in dict.fromkeys((self.file, *(path for path, _ in blocks))):
            try:
                modules[path] = load(path, texts=texts)
                driver.check(modules[path])
            except QsanError as error:
                return _refused(number, modules.get(path), error)
        engine = Engine(self.backend)
        for path, name in blocks:
            fall = first_failure(_block(path, modules[path], name), engine, examples=self.examples, seed=self.seed)
            if fall is not None:
                return Verdict(number, "killed", fall.error, name, fall.example)
        after = modules[self.file]
        compared = compare(self.module, after, mutant.definition, engine.backend)
        passed = tuple(name for _, name in blocks)
        if compared.same:
            return Verdict(number, "equivalent", compared.how, passed=passed)
        around = users(self.module, mutant.definition)
        hidden = around and all(compare(self.module, after, name, engine.backend).same for name in around)
        unseen = f", but what uses it in this file ({', '.join(around)}) does the same" if hidden else ""
        return Verdict(number, "survived", compared.how + unseen, passed=passed)


def _refused(number: int, module: Module | None, error: QsanError) -> Verdict:
    """A mutant that the compiler refuses: killed by the block where all errors are, invalid where there are others."""
    errors = [found for found in error.diagnostics if found.is_error]
    places = [None if module is None or found.span is None else _around(module, found.span) for found in errors]
    how = f"{errors[0].code}: {errors[0].title}"
    by = places[0]
    return Verdict(number, "invalid", how) if by is None or None in places else Verdict(number, "killed", how, by)


def _around(module: Module, span: Span) -> str | None:
    """The test or property that holds a place."""
    for item in module.file.items:
        own = item.span
        inside = own.source is span.source and own.start <= span.start and span.end <= own.end
        if inside and isinstance(item, ast.Property | ast.Test):
            return item.name
    return None


_FIRST = "nothing was mutated: tests and properties have to pass first"


def _each_once(paths: Iterable[Path]) -> list[Path]:
    return list({path.resolve(): path for path in reversed(list(paths))}.values())[::-1]


def _tests_first(cases: Iterable[Case]) -> list[Case]:
    return sorted(cases, key=lambda case: isinstance(case.item, ast.Property))


def _block(path: Path, module: Module, name: str) -> Case:
    found = module.names[name]
    assert not isinstance(found, Module)
    assert isinstance(found.item, ast.Property | ast.Test)
    return Case(path, module, found.item)


_working: list[Suite] = []
"""In a process that shares the work: its suite."""


def _start(file: Path, blocks: Blocks, texts: Texts, examples: int, seed: int, backend: str) -> None:
    module = load(file, texts=texts)
    _working[:] = [Suite(file, module, mutants(module.file), blocks, texts, examples, seed, backend)]


def _judge(number: int) -> Verdict:
    return _working[0].judge(number)
