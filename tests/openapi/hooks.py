"""What schemathesis doesn't know by itself: how a WebAssembly module goes into a request, and that
whoever was wrong too often is refused by 429 (RFC 6585)."""

import schemathesis
from schemathesis.specs.openapi import checks

checks.AUTH_REJECTION_STATUSES = {*checks.AUTH_REJECTION_STATUSES, 429}


@schemathesis.serializer("application/wasm")
def wasm(_context, value):
    return value if isinstance(value, bytes) else str(value).encode()
