"""Python's own code for our protos, made by grpcio-tools when this module is imported."""

import hashlib
import pathlib
import shutil
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
STUBS = TOP / ".build" / "python-stubs"


def generate():
    from grpc_tools import protoc

    protos = sorted((TOP / "proto").rglob("*.proto"))
    digest = hashlib.sha256()
    for path in protos:
        digest.update(str(path).encode() + b"\0" + path.read_bytes())
    stamp = STUBS / ".made-from"
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    shutil.rmtree(STUBS, ignore_errors=True)
    STUBS.mkdir(parents=True)
    includes = [
        f"-I{TOP / 'proto'}",
        f"-I{pathlib.Path(protoc.__file__).parent / '_proto'}",
    ]
    # google/rpc comes from googleapis-common-protos, as grpcio-status expects it.
    ours = [str(p) for p in protos if "/google/" not in str(p)]
    code = protoc.main(
        ["protoc", *includes, f"--python_out={STUBS}", f"--grpc_python_out={STUBS}", *ours]
    )
    assert code == 0, "protoc failed"
    stamp.write_text(digest.hexdigest())


generate()
sys.path.insert(0, str(STUBS))
