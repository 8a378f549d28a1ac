"""What a small language model on this machine improves, beside the mutation model and uniform choice at equal calls.

    python benchmarks/local_model.py --base-url http://127.0.0.1:8080 [--gguf FILE] [--out DIR] [--arms A,B]

Records one run folder per arm, which replays without the model. All arms have the settings of --preset local, the same
tasks, val block and draws; val block 0 is held out: improvers see train alone. Then look at them with
`python benchmarks/replies.py results/reference/*`. The name of an arm: who answers, then what it is asked.
An arm that was cut short is gone on with; one that is finished is left as it is.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stop.session import begin

ALL = ("maxcut", "modified_qap", "three_sat", "parity", "lpn", "tsp")
FOUR = ("maxcut", "modified_qap", "three_sat", "string_grid")
UNIFORM = '["A"]'  # the order of a menu is random, so its first entry is a uniform choice


@dataclass(frozen=True)
class Arm:
    """One run: who answers (served, gguf, mutation, uniform), which scaffold, on what."""

    answers: str
    scaffold: str
    tasks: Sequence[str]
    settings: dict[str, Any] = field(default_factory=dict)
    recursion: bool = False  # whether steps are taken and test is looked at; else the scaffold is scored on val alone


WHOLE = {"prompts_per_improver_run": 1, "responses_per_prompt": 2}  # a whole program takes a minute a reply
STEPS = {"generations": 3, "repeats": 2, "test_repeats": 2, "prompts_per_improver_run": 1}
ARMS = {
    "served-ideas": Arm("served", "ideas", ALL),
    "served-recursion": Arm("served", "ideas", ("maxcut", "three_sat"), STEPS, recursion=True),
    "served-seed": Arm("served", "seed", FOUR, WHOLE),
    "gguf-ideas": Arm("gguf", "ideas", ("parity",), {"repeats": 1}),
    "mutation-ideas": Arm("mutation", "ideas", ALL),
    "mutation-seed": Arm("mutation", "seed", FOUR, WHOLE),
    "mutation-recursion": Arm("mutation", "ideas", ("maxcut", "three_sat"), STEPS, recursion=True),
    "mutation-best_of_n": Arm("mutation", "best_of_n", ALL),
    "uniform-choose": Arm("uniform", "choose", ALL),
}


def main(argv: Sequence[str] | None = None) -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--base-url", default="", metavar="URL", help="a server with OpenAI's API, for the arms `served-`")
    p.add_argument("--name", default="qwen2.5-coder-1.5b", help="what the model is called (default: %(default)s)")
    p.add_argument("--gguf", default="", metavar="FILE", help="the model's file, for the arm `gguf-`")
    p.add_argument("--out", default="results/reference", metavar="DIR", help="(default: %(default)s)")
    p.add_argument("--arms", default=",".join(ARMS), help="comma-separated (default: all)")
    p.add_argument("--workers", type=int, default=2, help="improver runs at once (default: 2)")
    arguments = p.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "uniform.json"
        script.write_text(UNIFORM)
        models = {
            "served": f"openai/{arguments.name}" if arguments.base_url else "",
            "gguf": f"gguf:{arguments.gguf}" if arguments.gguf else "",
            "mutation": "mutation",
            "uniform": f"scripted:{script}",
        }
        for name in arguments.arms.split(","):
            arm = ARMS[name]
            if not models[arm.answers]:
                print(f"{name}: left out, no --{'gguf' if arm.answers == 'gguf' else 'base-url'}", flush=True)
                continue
            url = arguments.base_url if arm.answers == "served" else ""
            started = time.monotonic()
            measure(arm, models[arm.answers], url, Path(arguments.out) / name, arguments.workers)
            print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)
    return 0


def measure(arm: Arm, model: str, base_url: str, out: Path, workers: int) -> None:
    settings = {"preset": "local", "generations": 0, "scaffold": arm.scaffold, "model": model, "base_url": base_url}
    settings |= {"noise_repeats": 0, "canary": False}  # as the runs that are recorded
    with begin(*arm.tasks, out=out, workers=workers, **{**settings, **arm.settings}) as session:
        if arm.recursion:
            session.run()
        elif not len(session.recorded.versions):
            session.score_seed()


if __name__ == "__main__":
    sys.exit(main())
