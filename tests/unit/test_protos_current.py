"""The committed protobuf code is what the .proto files say, to the byte."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROTOS = sorted(path.relative_to(ROOT) for path in ROOT.glob("protos/*/v1/*.proto"))
SUFFIXES = ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py", "_pb2_grpc.pyi")


@pytest.fixture(scope="module")
def regenerated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("protos")
    # Not resolved: a venv's python is a link, and the plugins are beside the link.
    beside = Path(sys.executable).parent
    plugins = [f"--plugin=protoc-gen-{name}={beside / f'protoc-gen-{name}'}" for name in ("mypy", "mypy_grpc")]
    outputs = [f"--{name}_out={out}" for name in ("python", "grpc_python", "mypy", "mypy_grpc")]
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I.", *plugins, *outputs, *map(str, PROTOS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return out


def test_there_are_protos() -> None:
    assert len(PROTOS) >= 4


@pytest.mark.parametrize("proto", PROTOS, ids=str)
def test_generated_code_is_current(proto: Path, regenerated: Path) -> None:
    for suffix in SUFFIXES:
        generated = proto.with_name(proto.stem + suffix)
        assert (ROOT / generated).read_bytes() == (regenerated / generated).read_bytes(), f"{generated} is stale: run `make protos`"


def test_no_generated_code_is_left_behind() -> None:
    wanted = {proto.with_name(proto.stem + suffix) for proto in PROTOS for suffix in SUFFIXES}
    assert {path.relative_to(ROOT) for path in ROOT.glob("protos/**/*_pb2*.py*") if "__pycache__" not in path.parts} == wanted
