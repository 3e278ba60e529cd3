# SPDX-License-Identifier: Apache-2.0
"""Public functions of the product that return arrays say their shape and dtype."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.unit.test_layout import PLATFORM, PYTHON, ROOT, room_of

ROOMS = ("compiler", "memplan", "mcuforge", "boards", "nas")
# [n, ...] or (n, ...), or a word that says it
SHAPE = re.compile(
    r"\[[\w.,:+*/ -]+\]|\((\*?[\w.' /+-]+,)+( ?\*?[\w.' /+-]+)?\)|\bshapes?\b|\bscalars?\b"
)
DTYPE = re.compile(r"\b(u?int(8|16|32|64)|float(16|32|64)|bool|dtypes?)\b")
HOLDERS = {"tuple", "list", "dict", "Sequence", "Mapping", "Iterator", "Iterable", "Generator"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Class:
    """A class of the product: the names of its bases, its methods by name."""

    bases: tuple[str, ...]
    methods: dict[str, Function]


def says_both(function: Function) -> bool:
    """True where the docstring names a shape and a dtype."""
    text = ast.get_docstring(function) or ""
    return bool(SHAPE.search(text) and DTYPE.search(text))


def array_names(trees: list[ast.Module]) -> set[str]:
    """Names that modules give to array types: `Int32 = NDArray[np.int32]` and the like."""
    return {
        target.id
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.Assign) and _names_an_array(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _names_an_array(value: ast.expr) -> bool:
    """True for NDArray[...], and for a TypeVar that is bound to it."""
    if isinstance(value, ast.Call) and ast.unparse(value.func) == "TypeVar":
        return any(k.arg == "bound" and _names_an_array(k.value) for k in value.keywords)
    return isinstance(value, ast.Subscript) and ast.unparse(value.value) == "NDArray"


def holds_arrays(annotation: ast.expr | None, names: set[str]) -> bool:
    """True for an array type, for a choice that includes one, and for a collection of them."""
    match annotation:
        case ast.Name(id=name):
            return name in names or name == "NDArray"
        case ast.Attribute(attr=name):
            return name == "ndarray"
        case ast.Constant(value=str(text)):
            return holds_arrays(ast.parse(text, mode="eval").body, names)
        case ast.BinOp(left=left, right=right):
            return holds_arrays(left, names) or holds_arrays(right, names)
        case ast.Subscript(value=ast.Name(id="NDArray")):
            return True
        case ast.Subscript(value=ast.Name(id=holder), slice=inner) if holder in HOLDERS:
            parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            return any(holds_arrays(part, names) for part in parts)
    return False


def classes(trees: list[ast.Module]) -> dict[str, list[Class]]:
    """Every class by its name; several where modules use one name."""
    found: dict[str, list[Class]] = {}
    for tree in trees:
        for node in (n for n in ast.walk(tree) if isinstance(n, ast.ClassDef)):
            methods = {f.name: f for f in node.body if isinstance(f, Function)}
            found.setdefault(node.name, []).append(Class(bases_of(node), methods))
    return found


def bases_of(node: ast.ClassDef) -> tuple[str, ...]:
    """The names of a class's bases, without their modules and type arguments."""
    return tuple(ast.unparse(b).partition("[")[0].rpartition(".")[2] for b in node.bases)


def inherits(bases: tuple[str, ...], name: str, known: dict[str, list[Class]]) -> bool:
    """True where a base, or a base of a base, has a method of this name that says both."""
    for base in (c for b in bases for c in known.get(b, ())):
        method = base.methods.get(name)
        if (method is not None and says_both(method)) or inherits(base.bases, name, known):
            return True
    return False


def public(tree: ast.Module) -> Iterator[tuple[Function, tuple[str, ...]]]:
    """Public functions and methods of public classes, each with the names of its class's bases."""
    for node in tree.body:
        if isinstance(node, Function) and not node.name.startswith("_"):
            yield node, ()
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for method in node.body:
                if isinstance(method, Function) and not method.name.startswith("_"):
                    yield method, bases_of(node)


def silent(trees: dict[str, ast.Module]) -> list[str]:
    """Places of public functions that return arrays without saying what arrays."""
    every = list(trees.values())
    names, known = array_names(every), classes(every)
    return [
        f"{place}:{function.lineno} {function.name}"
        for place, tree in trees.items()
        for function, bases in public(tree)
        if holds_arrays(function.returns, names)
        and not says_both(function)
        and not inherits(bases, function.name, known)
    ]


def product() -> dict[str, ast.Module]:
    """The syntax tree of every module of the product, by its path."""
    paths = [p for p in PYTHON if room_of(p) in ROOMS and not p.is_relative_to(ROOT / PLATFORM)]
    return {p.relative_to(ROOT).as_posix(): ast.parse(p.read_text(encoding="utf-8")) for p in paths}


def test_functions_that_return_arrays_say_shape_and_dtype() -> None:
    assert not silent(product())


def test_a_function_that_says_nothing_is_found() -> None:
    text = '''
Int32 = NDArray[np.int32]
Pick = Callable[[Int32], Int32]
class Base:
    def run(self) -> Int32:
        """The sums, int32 [rows]."""
class Above(Base):
    def run(self) -> Int32: ...
class Other:
    def run(self) -> list[Int32 | None]:
        """The sums, int32."""
    def _own(self) -> Int32: ...
def shape_only() -> "Int32":
    """The sums, [rows]."""
def both() -> dict[str, np.ndarray]:
    """Sums by name, each an int64 scalar."""
def pick() -> Pick: ...
'''
    found = silent({"x.py": ast.parse(text)})
    assert [line.split()[1] for line in found] == ["run", "shape_only"]
    assert found[0].startswith("x.py:10 ")
