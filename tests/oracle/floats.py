# SPDX-License-Identifier: Apache-2.0
"""Floating types by their definition: every value is an exact fraction."""
import math
import struct

# word: (bytes, exponent bits, mantissa bits)
FLOATS = {'F64': (8, 11, 52), 'F32': (4, 8, 23), 'F16': (2, 5, 10),
          'BF16': (2, 8, 7)}
SIZES = {'I64': 8, 'I32': 4, **{w: f[0] for w, f in FLOATS.items()}}


def decode(word, bits):
    """The value of an element; no NaN comes here."""
    _, ebits, mbits = FLOATS[word]
    sign = -1.0 if bits >> (ebits + mbits) else 1.0
    exponent = bits >> mbits & (1 << ebits) - 1
    mantissa = bits & (1 << mbits) - 1
    bias = (1 << ebits - 1) - 1
    if exponent == (1 << ebits) - 1:
        return sign * math.inf
    if exponent == 0:
        return sign * math.ldexp(mantissa, 1 - bias - mbits)
    return sign * math.ldexp(mantissa + (1 << mbits), exponent - bias - mbits)


def encode(word, x):
    """The nearest element, of two the even one; too large is infinite."""
    _, ebits, mbits = FLOATS[word]
    bias = (1 << ebits - 1) - 1
    inf = (1 << ebits) - 1 << mbits
    sign = (math.copysign(1, x) < 0) << (ebits + mbits)
    if x == 0 or math.isinf(x):
        return sign | (inf if x else 0)
    fraction, exponent = math.frexp(abs(x))
    n, exponent = int(math.ldexp(fraction, 53)), exponent - 53
    lowest = max(exponent + 52, 1 - bias) - mbits  # what the last bit counts
    shift = lowest - exponent
    if shift <= 0:
        units = n << -shift
    else:
        units, rest = divmod(n, 1 << shift)
        half = 1 << shift - 1
        units += rest > half or (rest == half and units & 1)
    # the leading bit of a normal number is the 1 of its exponent
    bits = units + (lowest + mbits - (1 - bias) << mbits)
    return sign | min(bits, inf)


def cast(word, to, raw):
    """The bytes of elements of one type as those of another."""
    if word == to or word not in FLOATS:
        return raw
    n, m = SIZES[word], SIZES[to]
    done = {}
    out = []
    for i in range(0, len(raw), n):
        one = raw[i:i + n]
        if one not in done:
            x = decode(word, int.from_bytes(one, 'little'))
            done[one] = encode(to, x).to_bytes(m, 'little')
        out.append(done[one])
    return b''.join(out)


def random_bytes(rng, word, n, finite):
    """n elements: any bits, or any but NaN with many of small exponent."""
    if not finite:
        return rng.randbytes(n * SIZES[word])
    out = []
    for _ in range(n):
        if word not in FLOATS:
            out.append(rng.randbytes(SIZES[word]))
            continue
        x = rng.choice((rng.gauss(0, 1), rng.gauss(0, 1e-6),
                        rng.gauss(0, 60000), rng.gauss(0, 1e-39),
                        65519.996, 65520.0, -0.0, 1.00390625, math.inf))
        out.append(encode(word, x).to_bytes(SIZES[word], 'little'))
    return b''.join(out)


def test():
    """Hold encode and decode against the struct module."""
    for bits in range(0, 1 << 16, 7):
        x = struct.unpack('<e', bits.to_bytes(2, 'little'))[0]
        if not math.isnan(x):
            assert decode('F16', bits) == x and encode('F16', x) == bits
    assert encode('F16', 65520.0) == 0x7c00 == encode('F16', 1e300)
    for x in (1 / 3, 65519.99, 1e-7, 5.9e-8, 2.98e-8, 3e-8, 0.0, -0.0):
        want = struct.unpack('<H', struct.pack('<e', x))[0]
        assert encode('F16', x) == want, x
        want = struct.unpack('<I', struct.pack('<f', x))[0]
        assert encode('F32', x) == want, x
