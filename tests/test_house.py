"""The house: which room may know which, retired words, and how long files and functions are."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "peanut"
FILES = sorted(ROOT.rglob("*.py"))
TESTS = sorted(Path(__file__).parent.glob("test_*.py"))

CORE = (
    *("errors", "frame", "doubts", "statistics", "frame_stream", "labels", "order", "buffers", "run", "session"),
    *("diagram", "progress", "pipeline"),
)
"""Rooms of one file, each of which may know those before it."""
KNOWS = {
    **{name: set(CORE[:number]) for number, name in enumerate(CORE)},
    "branching": set(CORE),
    "validators": {"errors", "frame"},
    "interrupts": set(),
    "markdown": set(),
    "fork": set(),
    "allocator": {"ops"},
    "ops": set(),
    "devices": {"errors", "ops"},
    "networks": {"errors", "ops"},
    "vision": set(),
    "completion": {"vision"},
    "words": {"errors", "vision"},
    "weights": {"errors", "devices", "networks"},
    "video": {*CORE, "interrupts", "validators", "vision"},
    "flow": {"errors", "devices", "validators", "ops", "vision", "networks", "weights"},
    "windows": {*CORE, "validators", "ops", "vision", "completion", "networks", "flow"},
    "objects": {"errors", "frame", "devices", "vision", "words", "networks", "weights"},
    "stages": {
        *CORE,
        "devices",
        "validators",
        "ops",
        "vision",
        "completion",
        "words",
        "objects",
        "networks",
        "weights",
        "flow",
        "video",
        "windows",
    },
    "sheets": {*CORE, "flow", "stages", "video", "vision"},
    "metrics": {"errors", "devices", "validators", "ops", "vision", "networks", "weights", "flow"},
    "data": {*CORE, "validators", "vision", "video", "weights"},
    "test_set": {
        *CORE,
        "data",
        "markdown",
        "metrics",
        "validators",
        "vision",
        "flow",
        "objects",
        "stages",
        "video",
        "sheets",
    },
    "evaluation": {"", *CORE, "data", "markdown", "metrics", "validators", "vision", "weights", "sheets"},
    "licensing": {"errors", "pipeline", "weights"},
    "conformance": {"devices", "errors", "frame", "networks", "stages"},
    "demo": {"", "data", "frame"},
    "trial": {"", "data", "demo", "networks"},
    "cli": {
        "",
        "demo",
        "trial",
        "data",
        "test_set",
        "evaluation",
        "errors",
        "interrupts",
        "labels",
        "pipeline",
        "run",
        "video",
        "vision",
        "weights",
        "words",
    },
    "__main__": {"cli"},
}
"""The rooms that each room may import; "" is the public API."""
RETIRED = (
    *("witness(es)?", "strays?", "strayed", "BLIND", "settles?", "settled", r"seeded\(", "without_specks", "misfits?"),
    *("scene_change", "ALIKE", "speaks", "testif(y|ies)", "untrusted", "UNTRUSTED", "ways_to", "without_holes"),
    *("large_parts", "wavers?", "MISFIT"),
    *("_Scene", "Scene", "_Held", "_Seen", "colou" + "r", "neighbou" + "r", "lanes?", "likes", "firm", "flow_sources"),
)
LONGEST_FILE, LONGEST_FUNCTION = 400, 40


def imports(path):
    """The modules of ours that a file imports, and whether each import stands inside a function."""
    tree = ast.parse(path.read_text())
    inside = {id(one) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) for one in ast.walk(node)}
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" if node.module == "peanut" else node.module for alias in node.names]
        yield from ((name, id(node) in inside) for name in dict.fromkeys(names) if name.split(".")[0] == "peanut")


def room(path_or_module):
    """The room of a file or of a module; "" is `peanut` itself, its public names."""
    if isinstance(path_or_module, Path):
        return path_or_module.relative_to(ROOT).parts[0].removesuffix(".py")
    name = [*path_or_module.split("."), ""][1]
    return name if name in KNOWS else ""


def test_rooms_import_in_one_direction(capsys):
    wrong = []
    arrows = set()
    for path in FILES:
        here = room(path)
        if here == "__init__":
            continue
        for module, _ in imports(path):
            there = room(module)
            if there != here:
                arrows.add((here, there or "peanut"))
                if there not in KNOWS[here]:
                    wrong.append(
                        f"{path.relative_to(ROOT)} imports {module}: {here} must not know {there or 'the API'}"
                    )
    with capsys.disabled():
        print()
        for here in KNOWS:
            print(
                f"    {here:12} knows {', '.join(sorted(there for one, there in arrows if one == here)) or 'nothing'}"
            )
    assert not wrong, "\n".join(wrong)


def test_no_room_knows_in_a_circle():
    def reached(start, seen=()):
        for there in KNOWS.get(start, ()):
            if there not in seen:
                yield there
                yield from reached(there, (*seen, there))

    assert not [name for name in KNOWS if name in set(reached(name))]


def test_imports_of_ours_stand_at_the_top():
    late = [f"{path.relative_to(ROOT)}: {module}" for path in FILES for module, inside in imports(path) if inside]
    assert not late


def test_no_test_imports_another_test():
    """Neither at the top, nor in a function, nor in a program that it runs: what tests share is in files of its own."""
    names = {path.stem for path in TESTS}
    imported = re.compile(r"\b(?:from|import)\s+\(?\s*(?:tests\.)?(\w+)")
    found = [f"{path.name}: {name}" for path in TESTS for name in imported.findall(path.read_text()) if name in names]
    assert not found


@pytest.mark.parametrize("word", RETIRED)
def test_a_retired_word_is_gone(word):
    pattern = re.compile(rf"(?<![A-Za-z]){word}(?![a-z])")
    found = [
        f"{p.relative_to(ROOT)}:{n}"
        for p in FILES
        for n, line in enumerate(p.read_text().splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found


def test_files_and_functions_are_short():
    long = [f"{path.name}: {n} lines" for path in FILES if (n := len(path.read_text().splitlines())) > LONGEST_FILE]
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and (n := node.end_lineno - node.lineno + 1) > LONGEST_FUNCTION:
                long.append(f"{path.name}: {node.name} has {n} lines")
    assert not long
