"""The page on words shows what the tables hold, and its examples are understood.

If a table changed: python tests/test_words_docs.py writes the page's tables anew.
"""

import re
from pathlib import Path

import pytest

from peanut.errors import UsageError
from peanut.words.colors import NAMES
from peanut.words.descriptions import COLORS
from peanut.words.grammar import parse
from peanut.words.measures import RANKS, TRAITS
from peanut.words.relations import RELATIONS
from peanut.words.vocabulary import (
    BOYS_AND_GIRLS,
    CHILDREN,
    CLASSES,
    GROUPS,
    MEN_AND_WOMEN,
    NARROWER,
    PEOPLE,
    SAME,
    THINGS,
)

PAGE = Path(__file__).parent.parent / "docs" / "words.md"
PARTS = ("vocabulary", "measures", "colors")


def vocabulary():
    """Markdown: the classes, then groups and things."""
    people = ", ".join((*MEN_AND_WOMEN, *CHILDREN, *BOYS_AND_GIRLS))
    yield from ("| class | also called | kinds, not told apart |", "| --- | --- | --- |")
    for label in CLASSES:
        kinds = ", ".join(NARROWER.get(label, ()))
        same = (*SAME.get(label, ()), *(PEOPLE if label == "person" else ()))
        yield f"| {label} | {', '.join(same)} | {f'{people}, {kinds}' if label == 'person' else kinds} |"
    yield from ("", "| word | is any of |", "| --- | --- |")
    yield from (f"| {word} | {', '.join(labels)} |" for word, labels in GROUPS.items())
    yield f"| {', '.join(sorted(THINGS))} | anything that was found |"


def measures():
    """Markdown: traits, ranks, relations."""
    yield from ("| meaning | measured as |", "| --- | --- |")
    yield from (f"| {one.says} | {one.how} |" for one in TRAITS.values())
    yield from (f"| {one.says} | compared: {one.how} |" for one in RANKS.values())
    yield from (f"| {one.says} something | {one.how} |" for one in RELATIONS.values())


def colors():
    """Markdown: each color with its other words."""
    yield from ("| color | also called |", "| --- | --- |")
    basic = {f"{shade}{name}" for shade in ("", "dark ", "light ", "deep ", "pale ") for name in NAMES}
    for color in dict.fromkeys(COLORS.values()):
        words = [word for word, what in COLORS.items() if what == color and word not in basic and "colored" not in word]
        if words:
            yield f"| {color} | {', '.join(words)} |"


def written(text):
    """The page with its tables made anew."""
    for part in PARTS:
        table = "\n".join(globals()[part]())
        text = re.sub(
            rf"(<!-- {part} -->\n).*?(<!-- end -->)", lambda found, table=table: f"{found[1]}{table}\n{found[2]}", text,
            flags=re.DOTALL,
        )  # fmt: skip
    return text


def section(title):
    return re.search(rf"## {title}\n(.*?)(\n## |\Z)", PAGE.read_text(), re.DOTALL)[1]


def rows():
    """Part, meaning, examples of each row of the grammar's table."""
    lines = [line for line in section("What is understood").splitlines() if line.startswith("| ")][2:]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]


EXAMPLES = [phrase for row in rows() for phrase in re.findall("`(.*?)`", row[2])]
EXAMPLES += [
    phrase
    for line in section("What is understood").splitlines()
    if not line.startswith("| ")
    for phrase in re.findall("`(.*?)`", line)
]


def test_the_tables_of_the_page_are_those_of_the_code():
    assert PAGE.read_text() == written(PAGE.read_text())


def test_every_part_of_the_grammar_has_examples():
    assert len(rows()) > 12
    assert all(len(row) == 3 and "`" in row[2] for row in rows())
    assert len(EXAMPLES) > 60


@pytest.mark.parametrize("phrase", EXAMPLES)
def test_an_example_of_the_page_is_understood(phrase):
    assert parse(phrase).groups


REFUSED = [
    "the old man",
    "the second man from the left",
    "the car larger than the bus",
    "the man between the cars",
    "the man's dog",
    "people who run or walk",
    "the zeppelin",
    "the tree",
    "the wall",
]


@pytest.mark.parametrize("phrase", REFUSED)
def test_what_the_page_says_is_not_understood_is_refused(phrase):
    assert f"`{phrase}`" in section("What is not understood")
    with pytest.raises(UsageError):
        parse(phrase)


@pytest.mark.parametrize("phrase", ["people who move", "the thing that moves", "the man sitting on the bench"])
def test_what_the_page_says_instead_is_understood(phrase):
    assert f"`{phrase}`" in section("What is not understood")
    assert parse(phrase).groups


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
