"""rules/unassigned-14.txt: the code points that Unicode 14 leaves unassigned, by a Python that knows Unicode 14 (3.11).

python3.11 training/unassigned.py > rules/unassigned-14.txt
"""

import unicodedata

VERSION = "14.0.0"
PLANES = 0x40000  # of the planes above only 14 has characters, and all of those that it will get are ignorable
HEAD = "# Code points below 40000 that Unicode 14.0 leaves unassigned, noncharacters aside: first-last, hexadecimal."


def ranges() -> list[list[int]]:
    found: list[list[int]] = []
    for code in range(PLANES):
        if unicodedata.category(chr(code)) != "Cn" or 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE:
            continue
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return found


if __name__ == "__main__":
    if unicodedata.unidata_version != VERSION:
        raise SystemExit(f"this Python knows Unicode {unicodedata.unidata_version}, not {VERSION}")
    words = [f"{first:X}-{last:X}" for first, last in ranges()]
    print(HEAD)
    for start in range(0, len(words), 10):
        print(*words[start : start + 10])
