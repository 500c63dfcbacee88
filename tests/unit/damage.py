"""Damage for parsers: bytes out of the air, and good bytes changed in a few places."""

from hypothesis import strategies as st


@st.composite
def damaged(draw: st.DrawFn, good: st.SearchStrategy[bytes], *pieces: bytes) -> bytes:
    """One of these with up to four changes: bytes set, cut, put in (`pieces` too), doubled or moved."""
    data = bytearray(draw(good))
    inserted = st.binary(max_size=8) | (st.sampled_from(pieces) if pieces else st.nothing())
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        match draw(st.sampled_from(("set", "cut", "put", "double", "move"))):
            case "set":
                data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case "cut":
                del data[at : at + draw(st.integers(1, 40))]
            case "put":
                data[at:at] = draw(inserted)
            case "double":
                data[at:at] = data[at : at + draw(st.integers(1, 60))]
            case "move":
                length = draw(st.integers(1, 60))
                piece = data[at : at + length]
                del data[at : at + length]
                to = draw(st.integers(0, len(data)))
                data[to:to] = piece
    return bytes(data)
