"""`python -m stop.report RUN...`: the command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stop.arguments import Parser
from stop.neutral import neutral
from stop.report import NAME, write
from stop.show import piped

OF_SEVERAL = "report-of-several.html"


def main(argv: Sequence[str] | None = None) -> int:
    parser = _parser()
    arguments = parser.checked(argv)
    import stop
    from stop.chain import BadFolder

    try:
        runs = [stop.load(path) for path in arguments.runs]
        name = NAME if len(runs) == 1 else OF_SEVERAL
        path = Path(arguments.out) if arguments.out else runs[0].path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write(runs, path)
        print(neutral(str(path)))
    except BrokenPipeError:
        raise  # see piped
    except (BadFolder, LookupError) as error:
        parser.error(neutral(str(error), most=400))
    except OSError as error:
        where = arguments.out or arguments.runs[0]
        parser.error(neutral(f"{where}: {error.strerror or error}. Give another file with --out.", most=400))
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog="python -m stop.report",
        allow_abbrev=False,
        description="Write one HTML file that shows a run, or several beside each other: what they came to, curve, "
        "lineage, decisions with their evidence, sources, outcomes, prompts and replies, costs, how to replay. It "
        "needs no network, and what models wrote is shown in it as text alone.",
        epilog="Exit status: 0 written, 2 wrong usage, no such run, or a file that cannot be written.",
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="the folder of a run")
    parser.add_argument(
        "--out", metavar="FILE", help=f"the file (default: {NAME} in RUN; {OF_SEVERAL} in the first of several)"
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(piped(main))
