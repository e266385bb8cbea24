"""Mends one line of kosoku 0.1.0 in .venv: it hashes a text message as it came, which fails when a peer
sends it uncompressed, as permessage-deflate always allows (RFC 7692, section 6). Safe to run twice."""

import pathlib
import sys

import kosoku

path = pathlib.Path(kosoku.__file__).parent / "cases" / "case12_x_x.py"
text = path.read_text()
broken = "   m = hashlib.sha1()\n   m.update(msg)\n   received_hash = m.digest()\n"
mended = "   msg = msg.encode('latin-1') if isinstance(msg, str) else msg\n" + broken
if mended not in text:
    if broken not in text:
        sys.exit(f"{path} is not as expected: has kosoku changed?")
    path.write_text(text.replace(broken, mended))
