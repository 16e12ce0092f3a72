"""Regenerates `entrypoints/grpc/pb` from `proto/` (`just proto`).

Mapping each .proto file onto the package's path gives correct imports with no rewriting. purerpc's plugin
is run through a wrapper: it imports purerpc, which needs our shim, and does not tell protoc that it can live
with optional fields (it only reads the services).
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from entrypoints.grpc.protos import HOME, PACKAGE, SOURCES

ROOT = Path(__file__).resolve().parents[2]

_PLUGIN = """#!{python}
import sys
sys.path.insert(0, {root!r})
import entrypoints.grpc
from google.protobuf.compiler.plugin_pb2 import CodeGeneratorResponse
from purerpc.protoc_plugin import plugin
plugin.CodeGeneratorResponse = lambda: CodeGeneratorResponse(
    supported_features=CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL
)
plugin.main()
"""


def generate(into: Path) -> None:
    """Write the generated modules below `into`, which stands for the project's root.

    Raises:
        subprocess.CalledProcessError: protoc refused a file; it has said why on stderr.
    """
    with tempfile.TemporaryDirectory() as folder:
        plugin = Path(folder) / "protoc-gen-purerpc"
        plugin.write_text(_PLUGIN.format(python=sys.executable, root=str(ROOT)))
        plugin.chmod(0o755)
        for source, public in SOURCES.items():
            subprocess.run(  # noqa: S603 - every word is ours
                [
                    sys.executable,
                    "-m",
                    "grpc_tools.protoc",
                    f"--proto_path={PACKAGE}/{source}={HOME}/{public}",
                    f"--plugin=protoc-gen-purerpc={plugin}",
                    f"--python_out={into}",
                    f"--pyi_out={into}",
                    f"--purerpc_out={into}",
                    f"{PACKAGE}/{source}",
                ],
                check=True,
                cwd=ROOT,
            )


if __name__ == "__main__":
    generate(ROOT)
