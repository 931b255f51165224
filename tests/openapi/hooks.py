"""What schemathesis doesn't know by itself: how a WebAssembly module goes into a request."""

import schemathesis


@schemathesis.serializer("application/wasm")
def wasm(_context, value):
    return value if isinstance(value, bytes) else str(value).encode()
