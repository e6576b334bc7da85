"""HPACK spelt by hand (RFC 7541), where a library would only write what is right."""


def integer(value, prefix, first=0):
    """§5.1; `first` has the bits above the prefix."""
    most = (1 << prefix) - 1
    if value < most:
        return bytes([first | value])
    value -= most
    out = [first | most]
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes([*out, value])


def text(value):
    """§5.2, without Huffman's code."""
    return integer(len(value), 7) + value


def literal(name, value):
    """A field that no table keeps (§6.2.2); `name` may be a static index."""
    start = integer(name, 4) if isinstance(name, int) else b"\0" + text(name)
    return start + text(value)
