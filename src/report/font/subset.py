"""Makes the TrueType subsets of Inter beside this file from Debian's package fonts-inter (OpenType, CFF outlines).

    apt-get install fonts-inter && pip install fonttools && python3 subset.py

TrueType, because the rasteriser's font database loads nothing from WOFF2 and says nothing about it.
"""

from fontTools import subset
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont, newTable

CHARACTERS = [*range(0x20, 0x7F), *range(0xA0, 0x180), *map(ord, "–—‘’“”…•≤≥≈≠−×·µμ→←↑↓∞ρσλΔ€●▲▼⁴⁵⁶⁷⁸⁹⁻₀₁₂\u2007\u2009\u202f")]

for weight in ["Regular", "SemiBold"]:
    font = TTFont(f"/usr/share/fonts/opentype/inter/Inter-{weight}.otf", recalcTimestamp=False)
    options = subset.Options(hinting=False, desubroutinize=True, notdef_outline=True)
    options.layout_features = ["kern", "ccmp", "mark", "mkmk"]
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14, 16, 17]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=CHARACTERS)
    subsetter.subset(font)

    outlines, order, glyphs = font.getGlyphSet(), font.getGlyphOrder(), {}
    for name in order:
        pen = TTGlyphPen(outlines)
        outlines[name].draw(Cu2QuPen(pen, 0.6, reverse_direction=True))
        glyphs[name] = pen.glyph()
    font["loca"] = newTable("loca")
    glyf = font["glyf"] = newTable("glyf")
    glyf.glyphOrder, glyf.glyphs = order, glyphs
    for name in order:
        glyphs[name].recalcBounds(glyf)
        advance, _ = font["hmtx"][name]
        font["hmtx"][name] = (advance, glyphs[name].xMin if glyphs[name].numberOfContours else 0)
    for table in ["CFF ", "VORG"]:
        if table in font:
            del font[table]

    maxp = font["maxp"]
    maxp.tableVersion, maxp.maxZones = 0x00010000, 1
    for field in """maxTwilightPoints maxStorage maxFunctionDefs maxInstructionDefs maxStackElements
            maxSizeOfInstructions maxComponentElements maxPoints maxContours maxCompositePoints
            maxCompositeContours maxComponentDepth""".split():
        setattr(maxp, field, 0)
    font["post"].formatType = 3.0
    font.sfntVersion = "\0\1\0\0"
    font.save(f"Inter-{weight}.ttf")
