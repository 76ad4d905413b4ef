"""Names in the study, the services and the instrumentor: of public classes, and of locals."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("study/lbstudy", "services", "instrumentor/src")

MAY_STAND_TWICE = {
    "Deployment": "Kubernetes' object: as the cluster's API tells it, and as this machine keeps it",
    "Load": "what a scenario says of the load, and how the client makes it: two programs",
    "Pod": "Kubernetes' object, as Deployment",
}
"""The name → why both may have it."""
SAYS_NOTHING = {"one", "found", "told"}
"""Names of locals and parameters that do not say what these hold."""


def test_a_public_class_has_a_name_of_its_own() -> None:
    defined: dict[str, list[str]] = {}
    for file, name in public_classes():
        defined.setdefault(name, []).append(file)
    twice = {name: files for name, files in defined.items() if len(files) > 1}

    assert len(defined) > 500  # the classes are found at all
    assert {name: files for name, files in twice.items() if name not in MAY_STAND_TWICE} == {}
    assert MAY_STAND_TWICE.keys() == twice.keys()


def test_a_local_is_named_after_what_it_holds() -> None:
    locals_ = [(file, name) for file, path in sources() for name in _locals(path)]

    assert len(locals_) > 10_000  # they are found at all
    assert [(file, name) for file, name in locals_ if name in SAYS_NOTHING] == []


def test_locals_of_each_kind_are_looked_at(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        """
class Kept:
    told: int  # a field's name is its users' affair

def arguments(argument, *, keyword, **rest):
    plain = [item for item in (lambda parameter: parameter)(argument)]
    with open(plain) as file:
        if walrus := file.read():
            raise ValueError
    try:
        for element, (inner, *others) in keyword:
            pass
    except ValueError as error:
        pass
    match rest:
        case [captured, *remaining]:
            pass
"""
    )

    assert sorted(_locals(program)) == [
        *("argument", "captured", "element", "error", "file", "inner", "item", "keyword"),
        *("others", "parameter", "plain", "remaining", "rest", "walrus"),
    ]


def public_classes() -> Iterator[tuple[str, str]]:
    """The file and the name of each, but for those that protoc makes."""
    for file, path in sources():
        yield from ((file, name) for name in _classes(path))


def sources() -> Iterator[tuple[str, Path]]:
    """Each file, but for those that protoc makes."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", *PACKAGES],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for file in sorted(set(listed.stdout.split())):  # one in conflict is listed more than once
        path = ROOT / file
        if path.suffix == ".py" and path.exists():
            yield file, path


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _classes(path: Path) -> list[str]:
    return [
        node.name
        for node in _parsed(path).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]


def _locals(path: Path) -> Iterator[str]:
    """The names that functions, lambdas and comprehensions bind; a class's fields are none of them."""
    nodes = list(ast.walk(_parsed(path)))
    fields = {
        id(target)
        for body in nodes
        if isinstance(body, ast.ClassDef)
        for statement in body.body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        for target in (statement.targets if isinstance(statement, ast.Assign) else [statement.target])
    }
    for node in nodes:
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Store) and id(node) not in fields:
                yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name is not None:
            yield node.name
