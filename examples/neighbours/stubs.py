"""Python's own code for the neighbours' schemas, made when this module is first imported."""

import hashlib
import os
import pathlib
import shutil
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
STUBS = TOP / ".build" / "neighbours-stubs"


def generate():
    from grpc_tools import protoc

    protos = sorted(
        path for folder in ("mcp", "securityhub")
        for path in (TOP / "proto" / folder).rglob("*.proto")
    )
    digest = hashlib.sha256()
    for path in protos:
        digest.update(str(path).encode() + b"\0" + path.read_bytes())
    made = STUBS / digest.hexdigest()[:16]
    if not made.exists():
        STUBS.mkdir(parents=True, exist_ok=True)
        # Made aside and moved: both services may start at once.
        fresh = tempfile.mkdtemp(dir=STUBS)
        code = protoc.main([
            "protoc", f"-I{TOP / 'proto'}", f"-I{pathlib.Path(protoc.__file__).parent / '_proto'}",
            f"--python_out={fresh}", f"--grpc_python_out={fresh}", *map(str, protos),
        ])
        assert code == 0, "protoc failed"
        try:
            os.rename(fresh, made)
        except OSError:
            shutil.rmtree(fresh)
    return made


sys.path.insert(0, str(generate()))
