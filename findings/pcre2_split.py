"""Splits a text by a pattern with a given libpcre2-8.so, as a tokenizer's pre-tokenizer "Split" with "Isolated" does.

Usage: pcre2_split.py LIBRARY PATTERN TEXT; prints Unicode's version in the library, and the pieces, as JSON. What the
pattern does not match stays a piece of its own.
"""
import ctypes
import json
import sys

PCRE2_UCP, PCRE2_UTF = 0x00020000, 0x00080000
PCRE2_CONFIG_UNICODE_VERSION = 10


class Pcre2:
    def __init__(self, path):
        self.library = ctypes.CDLL(path)
        self.library.pcre2_compile_8.restype = ctypes.c_void_p
        self.library.pcre2_match_data_create_8.restype = ctypes.c_void_p
        self.library.pcre2_get_ovector_pointer_8.restype = ctypes.POINTER(ctypes.c_size_t)

    def unicode_version(self):
        words = ctypes.create_string_buffer(64)
        self.library.pcre2_config_8(ctypes.c_uint32(PCRE2_CONFIG_UNICODE_VERSION), words)
        return words.value.decode()

    def compile(self, pattern):
        code, error, place = pattern.encode(), ctypes.c_int(), ctypes.c_size_t()
        options = ctypes.c_uint32(PCRE2_UTF | PCRE2_UCP)
        compiled = self.library.pcre2_compile_8(code, ctypes.c_size_t(len(code)), options, ctypes.byref(error),
                                                ctypes.byref(place), None)
        if not compiled:
            sys.exit(f"PCRE2 refuses the pattern: error {error.value} at {place.value}")
        return ctypes.c_void_p(compiled)

    def split(self, pattern, text):
        compiled, data = self.compile(pattern), text.encode()
        match = ctypes.c_void_p(self.library.pcre2_match_data_create_8(ctypes.c_uint32(1), None))
        pieces, at = [], 0
        while self.library.pcre2_match_8(compiled, data, ctypes.c_size_t(len(data)), ctypes.c_size_t(at),
                                         ctypes.c_uint32(0), match, None) > 0:
            first, last = self.library.pcre2_get_ovector_pointer_8(match)[:2]
            pieces += [data[at:first], data[first:last]]
            at = last
        return [piece.decode() for piece in [*pieces, data[at:]] if piece]


if __name__ == "__main__":
    pcre2 = Pcre2(sys.argv[1])
    print(json.dumps([pcre2.unicode_version(), pcre2.split(sys.argv[2], sys.argv[3])]))
