"""What the checks share: the tree they look at, C text without its comments, and
the list of public functions. Every check takes the root of a tree as --root."""
import argparse
import pathlib
import re
import sys

ROOMS = ["runtime", "sync", "structures", "codata", "kv", "pipeline", "cli"]
OURS = ROOMS + ["include", "bench", "examples", "tests"]
# A comment, a string or a character: whatever opens first wins.
_TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def arguments(doc):
    """A parser that knows --root."""
    parser = argparse.ArgumentParser(description=doc)
    here = pathlib.Path(__file__).resolve().parent.parent
    parser.add_argument("--root", type=pathlib.Path, default=here, help="the tree to check")
    return parser


def c_files(root, tops, suffixes=(".c", ".h")):
    """Every C file under these rooms, in order."""
    return sorted(p for top in tops for p in (root / top).rglob("*") if p.suffix in suffixes)


def split(text):
    """(code, comments): the text with comments blanked, line numbers kept, and the
    comments by the line each begins on."""
    comments = {}

    def blank(match):
        found = match.group()
        if found[0] != "/":
            return found
        line = text.count("\n", 0, match.start()) + 1
        comments[line] = comments.get(line, "") + found
        return re.sub(r"[^\n]", " ", found)

    return _TOKEN.sub(blank, text), comments


def api(root):
    """Names that include/weft declares WEFT_API, sorted."""
    names = set()
    for path in c_files(root, ["include"]):
        code, _ = split(path.read_text())
        code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", "", code, flags=re.M)
        names.update(re.findall(r"\bWEFT_API\b[^;{]*?\b(weft_\w+)\s*[(;\[]", code))
    return sorted(names)


def finish(bad):
    """Print what is wrong and exit with it."""
    for line in bad:
        print(line)
    sys.exit(bool(bad))
