# The map of this project's tasks: `./justw --list`. `./justw RECIPE` first sets up what is missing.
# Recipes run in the project's folder and use the tools of .venv, whatever the PATH says.

set positional-arguments
set shell := ["sh", "-eu", "-c"]

bin := ".venv/bin"
code := "domain ports adapters entrypoints tests docs"
covered := "domain/*,adapters/wire/*,adapters/providers/*,adapters/prices/*"
# Without the properties and the cuts at every byte: what is covered by chance today is not tomorrow.
covering := "tests/unit/domain tests/contract tests/unit/entrypoints/live tests/unit/adapters/wire tests/unit/adapters/providers tests/unit/adapters/prices tests/unit/adapters/http"
# Off: a checkpoint on every path (910-913; the transport's fairness is ADR 3), httpx2 (127; ADR 6).
async_off := "ASYNC127,ASYNC910,ASYNC911,ASYNC912,ASYNC913"
compile := bin / "uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command 'just lock' --extra local --extra postgres --extra redis --extra otel"
llmock_lock := "tests/tools/llmock.lock"
deploy_lock := "tests/tools/deploy.lock"
docs_lock := "tests/tools/docs.lock"
compile_group := bin / "uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command 'just lock' --group"

export PATH := justfile_directory() / bin + ":" + env("PATH", "/usr/bin:/bin")
export PYRIGHT_PYTHON_IGNORE_WARNINGS := "1"
export NO_MKDOCS_2_WARNING := "1"

[private]
default:
    @"{{ just_executable() }}" --justfile "{{ justfile() }}" --list --unsorted

# Start the server, stream one real answer over gRPC, print its usage, stop
[group('use')]
@demo *PROMPT:
    exec {{ bin }}/python -m entrypoints.cli.demo ${1+"$*"}

# Run the server
[group('use')]
@serve *ARGS:
    exec {{ bin }}/llmservice serve "$@"

# Ask a running server; no prompt on a terminal = a conversation
[group('use')]
@chat *ARGS:
    exec {{ bin }}/llmservice chat "$@"

# List the models that a running server can call
[group('use')]
@models *ARGS:
    exec {{ bin }}/llmservice models "$@"

# Sum up tokens, cost and outcomes
[group('use')]
@usage *ARGS:
    exec {{ bin }}/llmservice usage "$@"

# Show what runs on a server now
[group('use')]
@top *ARGS:
    exec {{ bin }}/llmservice top "$@"

# Make, change, revoke and list the keys of callers
[group('use')]
@keys *ARGS:
    exec {{ bin }}/llmservice keys "$@"

# Validate the configuration and show what is in force and what is missing
[group('use')]
@check *ARGS:
    exec {{ bin }}/llmservice check "$@"

# Try the service against providers that fail in every way; some 20 seconds
[group('verify')]
@faults *ARGS:
    exec {{ bin }}/llmservice faults "$@"

# Run the tests; arguments go to pytest
[group('verify')]
@test *ARGS:
    {{ bin }}/pytest "$@"

# Set up the mock of the providers that some tests talk to, in .llmock; some seconds, once
[group('verify')]
llmock: (beside ".llmock" llmock_lock)

# Set up what checks the image, the chart and the pipelines, in .deploy; half a minute, once
[group('verify')]
deploy-tools: (beside ".deploy" deploy_lock)

# Set up what builds the documentation, in .docs; some seconds, once
[group('verify')]
docs-tools: (beside ".docs" docs_lock)

# Build the documentation into site/; a warning fails it
[group('verify')]
docs *ARGS: docs-tools
    .docs/bin/mkdocs build --strict --quiet "$@"

# Show the documentation at http://127.0.0.1:8000, built again as it changes
[group('use')]
docs-serve *ARGS: docs-tools
    .docs/bin/mkdocs serve "$@"

[private]
beside environment lock:
    cmp -s {{ lock }} {{ environment }}/lock || { \
        rm -rf {{ environment }} && {{ bin }}/uv venv --quiet --python {{ bin }}/python {{ environment }} \
        && {{ bin }}/uv pip install --quiet --python {{ environment }}/bin/python --require-hashes --no-deps -r {{ lock }} \
        && cp {{ lock }} {{ environment }}/lock; }

# Hold the core, the wire, the codecs and the prices at every branch, by tests without chance; half a minute
[group('verify')]
coverage:
    {{ bin }}/pytest --quiet --cov --cov-report= -m "not hypothesis" -k "not one_cut and not single_cut and not no_beginning" {{ covering }}
    {{ bin }}/coverage report --include="{{ covered }}" --fail-under=100

# Play gRPC's interoperability cases with every client, plain, TLS and mTLS, on both engines; prints a table
[group('verify')]
@conformance *CLIENTS:
    exec {{ bin }}/python -m tests.system.conformance "$@"

# Measure something: cancel, codec, fairness, grpc, http, layers, service, soak, start, telemetry; --help says how
[group('verify')]
@bench NAME *ARGS:
    name="$1"; shift; exec {{ bin }}/python -m "tests.benchmarks.$name" "$@"

# Put the server under load, 100 calls a second for two minutes; writes a report with plots to .benchmarks/load.html
[group('verify')]
@load *ARGS:
    exec {{ bin }}/python -m tests.load "$@"

# Play the eleven end-to-end scenarios; --live asks the real providers whose keys are in the environment
[group('verify')]
@e2e *ARGS:
    exec {{ bin }}/python -m tests.e2e "$@"

# Draw a flame graph of what a benchmark measures, in .benchmarks/NAME.svg
[group('verify')]
@profile NAME *ARGS:
    exec {{ bin }}/python -m tests.benchmarks.profile "$@"

# Check format, style, async rules, import contracts and the lock; changes nothing
[group('verify')]
lint: lock-check
    {{ bin }}/ruff format --check .
    {{ bin }}/ruff check .
    find {{ code }} -name '*.py' -not -path 'entrypoints/grpc/pb/*' -print0 | xargs -0 -P 2 -n 40 {{ bin }}/flake8-async --enable=ASYNC,ASYNC900 --disable={{ async_off }}
    {{ bin }}/lint-imports --no-logo

# Check the types, with both checkers
[group('verify')]
types:
    {{ bin }}/mypy
    {{ bin }}/pyright

# Everything that a commit must pass
[group('verify')]
ci: lint types test

# Format, and repair what can be repaired
[group('change')]
fmt:
    {{ bin }}/ruff check --fix-only --exit-zero .
    {{ bin }}/ruff format .

# Regenerate entrypoints/grpc/pb from proto/
[group('change')]
proto:
    {{ bin }}/python -m entrypoints.grpc.generate

# Remake the lock files from pyproject.toml; --upgrade or --upgrade-package NAME moves versions
[group('change')]
lock *OPTIONS:
    {{ compile }} --group dev --output-file requirements.lock "$@"
    {{ compile }} --constraint requirements.lock --output-file requirements-runtime.lock "$@"
    {{ compile_group }} llmock --output-file {{ llmock_lock }} "$@"
    {{ compile_group }} deploy --output-file {{ deploy_lock }} "$@"
    {{ compile_group }} docs --output-file {{ docs_lock }} "$@"
    "{{ just_executable() }}" --justfile "{{ justfile() }}" lock-check

# Check offline that the lock files answer pyproject.toml, with hashes and no addresses
[group('verify')]
[script(".venv/bin/python")]
lock-check:
    import re, sys, tomllib
    from pathlib import Path
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name as canonical

    PIN = re.compile(r"([A-Za-z0-9._-]+)==(\S+)(?: ; [^:@]+)? \\")
    HASH = re.compile(r" +--hash=sha256:[0-9a-f]{64}(?: \\)?")
    COMMENT = re.compile(r" *#(?!.*(?:://|--)).*")
    wrong = []

    def locked(file):
        """Return name -> versions in `file`, and note every line that is no pin, hash or comment."""
        found, before = {}, None
        for line in [*Path(file).read_text().splitlines(), "#"]:
            pin, hashed = PIN.fullmatch(line), HASH.fullmatch(line)
            if pin:
                found.setdefault(canonical(pin[1]), set()).add(pin[2])
            if (before and not hashed) or not (pin or (hashed and found) or COMMENT.fullmatch(line)):
                wrong.append(f"{file} may hold pins with hashes and nothing else, no address and no option: {line}")
            before = pin
        return found

    def group(name):
        """Return the requirements of a dependency group with those of the groups it includes."""
        for item in asked["dependency-groups"][name]:
            yield from [item] if isinstance(item, str) else group(item["include-group"])

    def answers(file, requirements):
        for line in requirements:
            requirement = Requirement(line)
            versions = locks[file].get(canonical(requirement.name), set())
            if not any(requirement.specifier.contains(version, prereleases=True) for version in versions):
                wrong.append(f"{file} has no answer to {line}: run `just lock`")

    asked = tomllib.loads(Path("pyproject.toml").read_text())
    project = asked["project"]
    extras = project["optional-dependencies"]
    run_time = [*project["dependencies"], *(each for extra in extras.values() for each in extra)]
    locks = {file: locked(file) for file in ("requirements.lock", "requirements-runtime.lock", "{{ llmock_lock }}", "{{ deploy_lock }}", "{{ docs_lock }}")}
    everything = [*run_time, *group("dev"), *asked["build-system"]["requires"]]
    answers("requirements.lock", everything)
    answers("requirements-runtime.lock", run_time)
    answers("{{ llmock_lock }}", group("llmock"))
    answers("{{ deploy_lock }}", group("deploy"))
    answers("{{ docs_lock }}", group("docs"))
    for name, versions in locks["requirements-runtime.lock"].items():
        if versions != locks["requirements.lock"].get(name):
            wrong.append(f"requirements-runtime.lock has another version of {name}: run `just lock`")
    print(*wrong, sep="\n", end="\n" if wrong else "", file=sys.stderr)
    sys.exit(bool(wrong))

# Build the wheel into dist/
[group('change')]
build:
    {{ bin }}/python -m hatchling build --target wheel

# Bring up the service, PostgreSQL, Redis, Prometheus and Grafana with Docker's compose, on this machine alone
[group('use')]
@up:
    exec deploy/compose/up.sh

# Stop what `just up` started; what is stored stays
[group('use')]
down:
    docker compose --file deploy/compose/compose.yaml --profile traces down

# Build the image's tree in a fresh Debian root and start it there, read-only and not as root; needs root and debootstrap
[group('change')]
@prove-image *ARGS:
    exec deploy/prove-root.sh "$@"

# Remove caches and build results; keeps .venv
[group('change')]
clean:
    rm -rf dist site htmlcov .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
    find {{ code }} -name __pycache__ -type d -prune -exec rm -rf {} +
