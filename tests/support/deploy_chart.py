"""Renders a chart as helm does; run by the Python of `.deploy`, which the rest of the tests is not.

The folder of the chart is the argument, its values come as JSON on stdin; every object that it makes goes as
JSON to stdout, after `kubernetes-validate` and helm's linter have nothing against them. What is wrong goes to
stderr.
"""

# pyright: reportMissingImports=false, reportMissingModuleSource=false

import json
import sys
from typing import Any

import yaml
from helm_python.chart import Chart, lint
from helm_python.errors import HelmError
from kubernetes_validate import SchemaNotFoundError, ValidationError, validate

WARNING = 2
VERSION = "1.31"


def main() -> int:
    """Return an exit code."""
    chart, values = sys.argv[1], json.load(sys.stdin)
    try:
        Chart.load(chart).validate_schema(values)
        files = Chart.load(chart).render(values, name="prod", namespace="llm")
    except HelmError as error:
        print(error, file=sys.stderr)
        return 1
    wrong = [each for each in lint(chart, values)["messages"] if each["severity"] >= WARNING]
    objects: list[dict[str, Any]] = [
        each
        for name, text in files.items()
        if not name.endswith("NOTES.txt")
        for each in yaml.safe_load_all(text)
        if each
    ]
    for each in objects:
        try:
            validate(each, VERSION, strict=True)
        except SchemaNotFoundError:
            # Of the Prometheus operator; no schema of Kubernetes knows it.
            if each["kind"] != "ServiceMonitor":
                raise
        except ValidationError as error:
            wrong.append(f"{each['kind']}: {error.message}")
    print(*wrong, sep="\n", end="", file=sys.stderr)
    json.dump(objects, sys.stdout)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
