"""Reads the indexes of Autobahn reports and says whether the server conforms.

A case passes when its behaviour and its closing are OK, NON-STRICT or INFORMATIONAL. The cases of
permessage-deflate (12 and 13) must be OK: the suite reports them as UNIMPLEMENTED, which is no
failure elsewhere, when the extension was not agreed on.
"""

import collections
import json
import pathlib
import sys

PASSES = {"OK", "NON-STRICT", "INFORMATIONAL"}
DEFLATE = ("12.", "13.")


def wrong(case: str, result: dict) -> bool:
    if case.startswith(DEFLATE):
        return result["behavior"] != "OK" or result["behaviorClose"] not in PASSES
    return result["behavior"] not in PASSES or result["behaviorClose"] not in PASSES


def reports(paths: list[str]):
    """The agents and their cases of all reports; each has to be there."""
    for path in map(pathlib.Path, paths):
        if not path.is_file():
            sys.exit(f"autobahn: no report at {path}")
        yield from json.loads(path.read_text()).items()


def main() -> None:
    failures = []
    for agent, cases in reports(sys.argv[1:]):
        counts = collections.Counter(result["behavior"] for result in cases.values())
        deflate = sum(case.startswith(DEFLATE) for case in cases)
        summary = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
        print(f"autobahn: {agent}: {len(cases)} cases ({deflate} deflate): {summary}")
        failures += [
            f"{case}: {result['behavior']}, closing {result['behaviorClose']}"
            for case, result in cases.items()
            if wrong(case, result)
        ]
        if not cases:
            failures.append(f"{agent}: no case was run")
    for failure in failures:
        print(f"autobahn: FAILED {failure}", file=sys.stderr)
    sys.exit(1 if failures else 0)


main()
