#!/usr/bin/env python3
"""Makes the tables of this folder: what the `tokenizers` library takes each character for.

Each property is asked of the library itself, character by character, so that the tables have its Unicode version,
whatever that is. What a table does not hold is derived in properties.cpp; this script checks those rules too.

    pip install tokenizers==0.23.3 unicodedata2    (the second names candidates for NFC and case alone)
    make_tables.py                                 writes categories.cpp, scripts.cpp, exceptions.cpp, case.cpp

A newer library: set VERSION below to the Unicode version that the script reports, and add names of new scripts.
"""
import os
import pathlib

os.environ["TOKENIZERS_PARALLELISM"] = "false"
import unicodedata2  # noqa: E402
from tokenizers import AddedToken, Regex, Tokenizer, __version__, models, normalizers, pre_tokenizers  # noqa: E402

FOLDER = pathlib.Path(__file__).resolve().parent
VERSION = "16.0"
ALL = [c for c in range(0x110000) if not 0xd800 <= c < 0xe000]
TEXT = "".join(map(chr, ALL))
CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co Cn".split()
SCRIPTS = """
Unknown:Zzzz Common:Zyyy Inherited:Zinh Adlam:Adlm Ahom:Ahom Anatolian_Hieroglyphs:Hluw Arabic:Arab Armenian:Armn
Avestan:Avst Balinese:Bali Bamum:Bamu Bassa_Vah:Bass Batak:Batk Bengali:Beng Bhaiksuki:Bhks Bopomofo:Bopo Brahmi:Brah
Braille:Brai Buginese:Bugi Buhid:Buhd Canadian_Aboriginal:Cans Carian:Cari Caucasian_Albanian:Aghb Chakma:Cakm Cham:Cham
Cherokee:Cher Chorasmian:Chrs Coptic:Copt Cuneiform:Xsux Cypriot:Cprt Cypro_Minoan:Cpmn Cyrillic:Cyrl Deseret:Dsrt
Devanagari:Deva Dives_Akuru:Diak Dogra:Dogr Duployan:Dupl Egyptian_Hieroglyphs:Egyp Elbasan:Elba Elymaic:Elym
Ethiopic:Ethi Garay:Gara Georgian:Geor Glagolitic:Glag Gothic:Goth Grantha:Gran Greek:Grek Gujarati:Gujr
Gunjala_Gondi:Gong Gurmukhi:Guru Gurung_Khema:Gukh Han:Hani Hangul:Hang Hanifi_Rohingya:Rohg Hanunoo:Hano Hatran:Hatr
Hebrew:Hebr Hiragana:Hira Imperial_Aramaic:Armi Inscriptional_Pahlavi:Phli Inscriptional_Parthian:Prti Javanese:Java
Kaithi:Kthi Kannada:Knda Katakana:Kana Kawi:Kawi Kayah_Li:Kali Kharoshthi:Khar Khitan_Small_Script:Kits Khmer:Khmr
Khojki:Khoj Khudawadi:Sind Kirat_Rai:Krai Lao:Laoo Latin:Latn Lepcha:Lepc Limbu:Limb Linear_A:Lina Linear_B:Linb
Lisu:Lisu Lycian:Lyci Lydian:Lydi Mahajani:Mahj Makasar:Maka Malayalam:Mlym Mandaic:Mand Manichaean:Mani Marchen:Marc
Masaram_Gondi:Gonm Medefaidrin:Medf Meetei_Mayek:Mtei Mende_Kikakui:Mend Meroitic_Cursive:Merc Meroitic_Hieroglyphs:Mero
Miao:Plrd Modi:Modi Mongolian:Mong Mro:Mroo Multani:Mult Myanmar:Mymr Nabataean:Nbat Nag_Mundari:Nagm Nandinagari:Nand
New_Tai_Lue:Talu Newa:Newa Nko:Nkoo Nushu:Nshu Nyiakeng_Puachue_Hmong:Hmnp Ogham:Ogam Ol_Chiki:Olck Ol_Onal:Onao
Old_Hungarian:Hung Old_Italic:Ital Old_North_Arabian:Narb Old_Permic:Perm Old_Persian:Xpeo Old_Sogdian:Sogo
Old_South_Arabian:Sarb Old_Turkic:Orkh Old_Uyghur:Ougr Oriya:Orya Osage:Osge Osmanya:Osma Pahawh_Hmong:Hmng
Palmyrene:Palm Pau_Cin_Hau:Pauc Phags_Pa:Phag Phoenician:Phnx Psalter_Pahlavi:Phlp Rejang:Rjng Runic:Runr Samaritan:Samr
Saurashtra:Saur Sharada:Shrd Shavian:Shaw Siddham:Sidd SignWriting:Sgnw Sinhala:Sinh Sogdian:Sogd Sora_Sompeng:Sora
Soyombo:Soyo Sundanese:Sund Sunuwar:Sunu Syloti_Nagri:Sylo Syriac:Syrc Tagalog:Tglg Tagbanwa:Tagb Tai_Le:Tale
Tai_Tham:Lana Tai_Viet:Tavt Takri:Takr Tamil:Taml Tangsa:Tnsa Tangut:Tang Telugu:Telu Thaana:Thaa Thai:Thai Tibetan:Tibt
Tifinagh:Tfng Tirhuta:Tirh Todhri:Todr Toto:Toto Tulu_Tigalari:Tutg Ugaritic:Ugar Vai:Vaii Vithkuqi:Vith Wancho:Wcho
Warang_Citi:Wara Yezidi:Yezi Yi:Yiii Zanabazar_Square:Zanb""".split()


def members(regex):
    """The characters that the library's regex matches."""
    found, at = set(), 0
    for _, (begin, end) in [*pre_tokenizers.Split(Regex(f"(?:{regex})+"), "removed").pre_tokenize_str(TEXT), ("", (len(ALL), 0))]:
        found.update(ALL[at:begin])
        at = end
    return found


def ranges(characters):
    """Sorted [first, last]; surrogates, which no text has, join what lies around them."""
    found = []
    for c in sorted(characters):
        if found and (c == found[-1][1] + 1 or (c == 0xe000 and found[-1][1] == 0xd7ff)):
            found[-1][1] = c
        else:
            found.append([c, c])
    return found


def partition(parts):
    """(first character, number of the part) wherever the part changes."""
    by_character = {c: number for number, part in enumerate(parts) for c in part}
    assert len(by_character) == sum(map(len, parts)) == len(ALL), "the parts cover all characters, each once"
    starts = []
    for c in ALL:
        if not starts or starts[-1][1] != by_character[c]:
            starts.append((c, by_character[c]))
    return starts


def numeric():
    """What the step Digits takes: the standard library of Rust says, which has a Unicode version of its own."""
    step = pre_tokenizers.Digits(True)
    return {c for c in ALL if len(step.pre_tokenize_str(f"a{chr(c)}b")) == 3}


def rust_word():
    """What touches an added token that wants to be a single word."""
    tokenizer = Tokenizer(models.BPE({"x": 0}, []))
    tokenizer.add_tokens([AddedToken("xyzzy", single_word=True)])
    return {c for c in ALL if not tokenizer.encode(chr(c) + "xyzzy").ids.count(1)}


def case_classes():
    """Characters that are one under (?i)."""
    cased = sorted(members(r"\p{Cased}"))
    text = "\n".join(map(chr, cased))
    classes = set()
    for c in cased:
        pieces = pre_tokenizers.Split(Regex(f"(?i:\\x{{{c:x}}})"), "removed").pre_tokenize_str(text)
        left = set("".join(piece for piece, _ in pieces))
        found = tuple(d for d in cased if chr(d) not in left)
        if len(found) > 1:
            classes.add(found)
    flat = [c for each in classes for c in each]
    assert len(flat) == len(set(flat)), "no character is in two classes"
    return sorted(classes)


def expansions():
    """Characters that several others spell under (?i): ss for ß."""
    found = []
    for c in ALL:
        spelled = chr(c).casefold()
        if len(spelled) > 1 and pre_tokenizers.Split(Regex(f"(?i:{spelled})"), "removed").pre_tokenize_str(chr(c)) == []:
            found.append((c, spelled))
    return found


def unknown_to_nfc():
    """Characters whose order or composition later versions of Unicode define than the library's NFC has."""
    def ours(text):
        return unicodedata2.normalize("NFC", text)

    theirs, found = normalizers.NFC().normalize_str, set()
    for c in ALL:
        if unicodedata2.combining(chr(c)):
            texts = [text for mark in "\u0334\u05b0\u0323\u0301\u0345" for text in (f"一{chr(c)}{mark}", f"一{mark}{chr(c)}")]
            if any(theirs(text) != ours(text) for text in texts):
                found.add(c)
        parts = unicodedata2.decomposition(chr(c))
        if parts and "<" not in parts and len(parts.split()) == 2:
            pair = "".join(chr(int(part, 16)) for part in parts.split())
            if theirs(pair) != ours(pair):
                found |= {c, ord(pair[0])}
            assert theirs(pair) in (pair, ours(pair))
        elif parts and "<" not in parts:
            assert theirs(chr(c)) == ours(chr(c))
    return found


def numbers(values):
    lines, line = [], "   "
    for value in values:
        if len(line) + len(value) > 118:
            lines.append(line)
            line = "   "
        line += f" {value},"
    return "\n".join([*lines, line])


def write(name, what, declarations):
    body = "\n".join(f"const {kind} {constant}_values[] = {{\n{numbers(values)}\n}};\n"
                     f"constinit const std::span<const {kind}> {constant} = {constant}_values;\n"
                     for constant, kind, values in declarations)
    (FOLDER / name).write_text(
        f"// {what}\n// Made by make_tables.py from tokenizers {__version__}, which knows Unicode {VERSION}.\n"
        f'#include "runtime/tokenizer/unicode/tables/tables.hpp"\n\nnamespace dsrun {{\n\n'
        f"// clang-format off\n{body}// clang-format on\n\n}}  // namespace dsrun\n")


def starts(parts):
    return [f"0x{first << 8 | number:x}" for first, number in partition(parts)]


def pairs(characters):
    return [f"{{0x{first:x}, 0x{last:x}}}" for first, last in ranges(characters)]


def main():
    categories = {name: members(rf"\p{{{name}}}") for name in CATEGORIES}

    def having(*names):
        return set().union(*(part for name, part in categories.items() if name.startswith(names)))

    alphabetic, lower, upper = (members(rf"\p{{{name}}}") for name in ("Alphabetic", "Lowercase", "Uppercase"))
    space, word = members(r"\s"), members(r"[\w]")
    # The rules of properties.cpp.
    assert alphabetic >= having("L", "Nl") and lower >= having("Ll") and upper >= having("Lu")
    assert word == alphabetic | having("M", "Nd", "Pc") and members(r"\w") == word | set(b"\xb2\xb3\xb9\xbc\xbd\xbe")
    assert members(r"\d") == having("Nd") and members(r"\p{White_Space}") == space
    assert members(r"[[:alpha:]]") == alphabetic and members(r"[[:alnum:]]") == alphabetic | having("Nd")
    assert members(r"[[:punct:]]") == having("P", "S") and members(r"[[:space:]]") == space
    assert members(r"[[:upper:]]") == upper and members(r"[[:lower:]]") == lower and members(r"[[:digit:]]") == having("Nd")
    counted, rust = numeric(), rust_word()
    assert counted >= having("N") and rust == word | {0x200c, 0x200d}

    write("categories.cpp", "Where general categories begin: the character times 256, and the place in category_names.",
          [("category_starts", "std::uint32_t", starts(categories.values()))])
    names = [pair.split(":") for pair in SCRIPTS]
    write("scripts.cpp", "Scripts by name, and where each begins: the character times 256, and the place among the names.",
          [("script_names", "ScriptName", [f'{{"{long}", "{short}"}}' for long, short in names]),
           ("script_starts", "std::uint32_t", starts([members(rf"\p{{{long}}}") for long, _ in names]))])
    write("exceptions.cpp", "What does not follow from a general category, as ranges.",
          [("white_space", "CharacterRange", pairs(space)),
           ("other_alphabetic", "CharacterRange", pairs(alphabetic - having("L", "Nl"))),
           ("other_lowercase", "CharacterRange", pairs(lower - having("Ll"))),
           ("other_uppercase", "CharacterRange", pairs(upper - having("Lu"))),
           ("other_numeric", "CharacterRange", pairs(counted - having("N"))),
           ("unknown_to_nfc", "CharacterRange", pairs(unknown_to_nfc()))])
    write("case.cpp", "Characters that are one where case does not count.",
          [("case_classes", "CaseClass",
            [f"{{{{{', '.join(f'0x{c:x}' for c in each)}}}}}" for each in case_classes()]),
           ("case_expansions", "CaseExpansion",
            [f"{{0x{c:x}, {{{', '.join(f'0x{ord(s):x}' for s in spelled)}}}}}" for c, spelled in expansions()])])
    new = sorted(c for c in ALL if c not in categories["Cn"])
    print(f"tokenizers {__version__}: {len(new)} characters are assigned; Unicode 16.0 assigns 292531 with private use")


if __name__ == "__main__":
    main()
