"""The process beside the API in which documents are checked: one comes in on its standard input, what was found goes out.

Rule 1: it starts once and has everything loaded; each document is checked in a child of its own, which is forked off and ends:
        what one document needs of memory and time, or leaves behind, never touches the next.
Rule 2: a child that dies is an answer of no length; whoever asked says what that means.
Rule 3: where the system cannot fork, documents are checked one after the other in the process itself.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import sys
from dataclasses import replace
from typing import BinaryIO

from pathways.drawing.outline import outline
from pathways.language.diagnostics import Checked, Diagnostic, examined
from pathways.language.starting import new_document

MEMORY = 2 * 1024**3  # bytes of address space that checking may take
PROCESSOR = 60  # seconds of a processor: a child whose API is gone ends, too


def check(text: str) -> Checked:
    """Everything wrong with a document's text, and its outline."""
    found = examined(text, file="document")
    return replace(found.checked, outline=outline(found.loaded, found.played))


def asked(stream: BinaryIO) -> bytes | None:
    """The next message: its length in bytes on a line, then the bytes; None at the end."""
    header = stream.readline()
    return stream.read(int(header)) if header else None


def framed(message: bytes) -> bytes:
    """A message as ``asked`` reads it."""
    return b"%d\n" % len(message) + message


def main() -> None:
    """Answer one document after the other until nobody asks any more."""
    _said(new_document("warming"))  # so that words, schemas and frames are loaded before somebody waits for them
    gc.collect()
    gc.freeze()  # what is loaded stays shared with every child
    while (text := asked(sys.stdin.buffer)) is not None:
        found = _apart(text.decode()) if hasattr(os, "fork") else _said(text.decode())
        sys.stdout.buffer.write(framed(found))
        sys.stdout.buffer.flush()


def _apart(text: str) -> bytes:
    """What was found, by a child of this process; nothing where it died."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reads)
            _limited()
            with open(writes, "wb") as pipe:
                pipe.write(_said(text))
        except BaseException:  # out of memory, or of anything else: there is nobody to tell but by ending
            os._exit(1)
        os._exit(0)
    os.close(writes)
    with open(reads, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    return said if status == 0 else b""


def _limited() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):  # where the system has no such limits, time is the limit
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR, PROCESSOR))


def _said(text: str) -> bytes:
    found = check(text)
    diagnostics = [{name: getattr(one, name) for name in Diagnostic.__slots__} for one in found.diagnostics]
    said = {"pathway": found.pathway, "version": found.version, "diagnostics": diagnostics, "scenarios": found.scenarios}
    return json.dumps({**said, "outline": found.outline}).encode()


if __name__ == "__main__":
    main()
