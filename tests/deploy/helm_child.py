"""Helm, for `tests.deploy.manifests`, in a process of its own.

Its library brings threads and signal handlers of Go's, which a process that forks or takes signals does not want.
Reads a list of renderings from standard input: values, and the revision of the release, 1 for its install.
Writes for each the files and the complaints of `helm lint`, or the refusal.
"""

import json
import sys

import helm_python


def main() -> None:
    """Read, render, write."""
    chart_path, *_ = sys.argv[1:]
    answers: list[dict[str, object]] = []
    with helm_python.Chart.load(chart_path) as chart:
        for values, revision in json.load(sys.stdin):
            try:
                files = chart.render(
                    values,
                    name="gateway",
                    namespace="carpd",
                    revision=revision,
                    is_install=revision == 1,
                    is_upgrade=revision > 1,
                )
            except helm_python.HelmError as error:
                answers.append({"refusal": str(error)})
            else:
                report = helm_python.lint(chart_path, values, strict=True)
                answers.append({"files": files, "complaints": report["errors"]})
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
