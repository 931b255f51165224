use mattebox_filter::testing::add_asset;

use super::*;

const ARABIC: &[u8] = include_bytes!("../../../tests/fonts/NotoSansArabic.ttf");
const HEBREW: &[u8] = include_bytes!("../../../tests/fonts/NotoSansHebrew.ttf");
const DEVANAGARI: &[u8] = include_bytes!("../../../tests/fonts/NotoSansDevanagari.ttf");
const THAI: &[u8] = include_bytes!("../../../tests/fonts/NotoSansThai.ttf");
const CJK: &[u8] = include_bytes!("../../../tests/fonts/NotoSansCJK.otf");
const EMOJI: &[u8] = include_bytes!("../../../tests/fonts/NotoColorEmoji.ttf");
const PICTURE: (u32, u32) = (1280, 720);

fn style(font: Option<&[u8]>) -> Style {
    if let Some(bytes) = font {
        add_asset("font.ttf", bytes);
    }
    Style {
        size: 28,
        color: Color::new([255; 4]),
        background: Color::new([0, 0, 0, 255]),
        font: font.map(|_| "font.ttf".to_owned()),
        fit: Fit::Shrink,
        position: Position::TopLeft,
        margin: 0,
    }
}

fn text_box(font: Option<&[u8]>) -> TextBox {
    TextBox::new(style(font)).unwrap()
}

fn block(font: Option<&[u8]>, text: &str) -> Block {
    let mut text_box = text_box(font);
    text_box.fonts.prepare(text);
    text_box.block(text, 28.0, None)
}

fn image(font: Option<&[u8]>, text: &str) -> RgbaImage {
    text_box(font).render(text, PICTURE).unwrap()
}

/// The glyphs in the order in which they are seen.
fn seen(font: Option<&[u8]>, text: &str) -> Vec<u16> {
    let mut glyphs = block(font, text).glyphs;
    glyphs.sort_by(|a, b| a.x.total_cmp(&b.x));
    glyphs.iter().map(|placed| placed.id.glyph.0).collect()
}

/// The glyphs that the characters have by themselves.
fn unshaped(font: Option<&[u8]>, text: &str) -> Vec<u16> {
    let fonts = text_box(font).fonts;
    let glyph = |c| fonts.at(0).face.glyph_index(c).unwrap().0;
    text.chars().map(glyph).collect()
}

#[test]
fn arabic_letters_join_and_run_from_the_right() {
    let (seen, mut alone) = (seen(Some(ARABIC), "حرارة"), unshaped(Some(ARABIC), "حرارة"));
    alone.reverse();
    assert_eq!(seen.len(), alone.len());
    assert_ne!(seen, alone);
    // Hah, the first letter, is joined to the next; the alef before the last two stands alone on
    // its left.
    assert_ne!(seen.last(), alone.last());
}

#[test]
fn hebrew_runs_from_the_right_and_numbers_in_it_do_not() {
    let mut alone = unshaped(Some(HEBREW), "שלום");
    alone.reverse();
    assert_eq!(seen(Some(HEBREW), "שלום"), alone);
    let digits = unshaped(None, "12");
    let mixed = seen(Some(HEBREW), "שלום 12");
    // The paragraph runs from the right: the number is at its left, and reads from the left.
    assert_eq!(mixed[..2], digits);
    assert_eq!(mixed[mixed.len() - 4..], alone);
    // A number has no direction of its own: the paragraph's first letter tells, and the number
    // comes first from the right.
    let mixed = seen(Some(HEBREW), "12 שלום");
    assert_eq!(mixed[mixed.len() - 2..], digits);
    // In a paragraph that runs from the left, the word alone turns.
    let latin = seen(Some(HEBREW), "a שלום");
    assert_eq!(latin[latin.len() - 4..], alone);
}

#[test]
fn a_devanagari_vowel_goes_before_its_letter_and_letters_form_a_conjunct() {
    let seen_hi = seen(Some(DEVANAGARI), "हि");
    let alone = unshaped(Some(DEVANAGARI), "हि");
    // The vowel's glyph may be another one, of a width that suits the letter; the letter comes
    // last.
    assert_eq!(seen_hi.last(), alone.first());
    assert_eq!(seen(Some(DEVANAGARI), "क्ष").len(), 1);
}

#[test]
fn thai_marks_take_no_room() {
    let width = |text| block(Some(THAI), text).width;
    assert!(width("ที่") < width("ทท"));
    assert_eq!(width("ที่"), width("ท"));
}

#[test]
fn marks_stand_on_their_letters() {
    let width = |text| block(None, text).width;
    assert_eq!(width("e\u{301}"), width("e"));
    assert_eq!(
        width("Tie\u{302}\u{301}ng Vie\u{302}\u{323}t"),
        width("Tieng Viet")
    );
    assert_ne!(image(None, "e\u{301}"), image(None, "e"));
}

#[test]
fn a_letter_that_no_font_has_as_a_whole_is_composed_of_its_parts() {
    let mut text_box = text_box(None);
    assert!(!text_box.fonts.embedded().has_all("ế"));
    text_box.fonts.prepare("ế");
    assert_eq!(text_box.fonts.composed.get(&'ế'), Some(&0));
    assert!(image(None, "ế") != image(None, "\u{12000}"));
}

#[test]
fn fonts_of_the_system_are_asked_for_by_the_characters() {
    add_asset("system-fonts/5927,95e8", CJK);
    let mut text_box = text_box(None);
    let picture = text_box.render("Door 大门", PICTURE).unwrap();
    assert_eq!(text_box.fonts.choose("大"), 1);
    assert_eq!(text_box.fonts.choose("D"), 0);
    // Another question would not be answered here; the font that is there has these, too.
    let other = text_box.render("Door 打开", PICTURE).unwrap();
    assert_ne!(picture, other);
    assert_eq!(text_box.fonts.choose("打"), 1);
}

#[test]
fn emoji_have_their_colours() {
    add_asset("system-fonts/emoji:1f3a5", EMOJI);
    let is_coloured = |pixel: &Rgba<u8>| pixel[0] != pixel[1] || pixel[1] != pixel[2];
    let picture = image(None, "🎥");
    assert!(picture.pixels().filter(|pixel| is_coloured(pixel)).count() > 20);
    add_asset("system-fonts/emoji:1f44d,1f3fd", EMOJI);
    add_asset("system-fonts/emoji:1f3fd,1f44d", EMOJI);
    let toned = block(None, "👍🏽").glyphs;
    assert_eq!(toned.len(), 1, "a skin tone is a part of its emoji");
}

#[test]
fn a_character_that_no_font_has_is_a_box_and_is_looked_for_once() {
    let mut text_box = text_box(None);
    assert!(text_box.render("𒀀", PICTURE).is_some());
    assert!(text_box.fonts.wanted("𒀀").1.is_empty());
    let lacking = ['大', '🎥', '\u{12000}'].into();
    let words = fonts::warning(&lacking, fonts::EMPTY_BOXES);
    for part in [
        "`大` (U+5927)",
        "fonts-noto-cjk",
        "fonts-noto-color-emoji",
        "fonts-noto-core",
        "`font:`",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
}

#[test]
fn line_breaks_are_of_every_kind() {
    let two = image(None, "a\nb");
    for text in [
        "a\r\nb",
        "a\rb",
        "a\u{2028}b",
        "a\u{2029}b",
        "a\u{85}b",
        "a\u{b}b",
    ] {
        assert!(image(None, text) == two, "{text:?}");
    }
    assert_eq!(image(None, "a\n\nb").height() - two.height(), 28);
}

#[test]
fn tabs_stand_at_stops() {
    let width = |text| block(None, text).width;
    assert_eq!(width("a\tb"), width("a       b"));
    assert_eq!(width("ab\tb"), width("a\tb"));
    assert_eq!(width("1234567\tb"), width("a\tb"));
    assert_eq!(width("12345678\tb"), width("a\t\tb"));
}

#[test]
fn what_is_not_seen_takes_no_room() {
    let plain = image(None, "ab");
    for c in [
        '\u{200b}', '\u{200c}', '\u{200d}', '\u{200e}', '\u{2060}', '\u{feff}', '\u{ad}', '\u{1}',
        '\u{fe0e}',
    ] {
        assert!(image(None, &format!("a{c}b")) == plain, "{c:?}");
    }
}

#[test]
fn a_text_that_is_too_wide_shrinks_or_wraps_or_is_cut() {
    let long = "The quick brown fox jumps over the lazy dog. ".repeat(4);
    let with = |fit| {
        let mut style = style(None);
        style.fit = fit;
        TextBox::new(style).unwrap()
    };
    let fitting = |fit, text: &str, room| with(fit).fitting(text, room);
    let shrunk = fitting(Fit::Shrink, &long, (640.0, 480.0));
    assert!(shrunk.width <= 640.0 && shrunk.width > 550.0 && shrunk.size < 28.0);
    let wrapped = fitting(Fit::Wrap, &long, (640.0, 480.0));
    assert!(wrapped.width <= 640.0 && wrapped.height > 4.0 * 28.0 && wrapped.size == 28.0);
    assert!(fitting(Fit::Cut, &long, (640.0, 480.0)).width > 640.0);
    assert_eq!(
        with(Fit::Cut).render(&long, (640, 480)).unwrap().width(),
        640
    );
    // Without a space, between letters; and what is too high shrinks.
    let word = fitting(Fit::Wrap, &"x".repeat(100), (320.0, 480.0));
    assert!(word.width <= 320.0 && word.size == 28.0);
    let high = fitting(Fit::Wrap, &long.repeat(3), (320.0, 120.0));
    assert!(
        high.width <= 320.0 && high.height <= 120.0,
        "{} × {}",
        high.width,
        high.height
    );
    // What fits is left as it is.
    for fit in [Fit::Shrink, Fit::Wrap, Fit::Cut] {
        assert_eq!(fitting(fit, "short", (640.0, 480.0)).size, 28.0);
    }
}

#[test]
fn no_text_and_no_room_do_no_harm() {
    for text in [
        "\u{2029}",
        "\u{202e}\u{2066}x",
        "\u{301}",
        "\t",
        "e\u{301}\u{301}\u{301}\u{301}",
        "שa\tש\t1",
    ] {
        for picture in [(1, 1), (8, 4096), (4096, 8)] {
            for fit in [Fit::Shrink, Fit::Wrap, Fit::Cut] {
                let mut style = style(None);
                style.fit = fit;
                let image = TextBox::new(style).unwrap().render(text, picture);
                assert!(image.is_none_or(|image| image.width() <= picture.0));
            }
        }
    }
}

#[test]
fn letters_are_the_same_however_their_accents_are_coded() {
    for (composed, apart) in [
        (
            "Ti\u{1ebf}ng Vi\u{1ec7}t",
            "Tie\u{302}\u{301}ng Vie\u{323}\u{302}t",
        ),
        ("\u{e9}", "e\u{301}"),
        ("\u{d55c}", "\u{1112}\u{1161}\u{11ab}"),
    ] {
        assert!(image(None, apart) == image(None, composed), "{composed}");
        // A font of the system is asked for the letter as a whole.
        let mut text_box = text_box(None);
        text_box.prepare(apart, false);
        let wanted = text_box.fonts.wanted(composed).1;
        assert!(wanted.iter().all(|c| !apart.contains(*c)), "{wanted:?}");
    }
}

#[test]
fn no_ink_is_cut_off_at_the_boxs_edges() {
    for (font, text) in [
        (None, "Z\u{301}\u{302}\u{303}\u{304}\u{308}\u{30a}"),
        (None, "q\u{323}\u{324}\u{325}\u{32d}\u{330}\u{331}"),
        (None, "t\u{361}"),
        (None, "o\u{35c}"),
        (None, "o\u{35e}\u{20dd}"),
        (None, "\u{301}\u{20dd}"),
        (Some(DEVANAGARI), "कि\u{951}\u{951}"),
        (Some(THAI), "ป\u{e34}\u{e48}\u{e38}"),
        (Some(ARABIC), "بّٰٓ"),
        (Some(HEBREW), "לּֽ֑"),
    ] {
        for size in [6.0, 13.0, 28.0, 97.0] {
            let mut text_box = text_box(font);
            let block = text_box.block(&composed(text), size, None);
            for placed in &block.glyphs {
                let glyph = text_box.glyphs.get(&text_box.fonts, placed.id, size);
                let left = placed.x.round() + glyph.left as f32;
                let top = placed.y.round() + glyph.top as f32;
                let (right, bottom) = (left + glyph.width as f32, top + glyph.height as f32);
                let is_inside = left >= 0.0 && top >= 0.0;
                let is_inside =
                    is_inside && right <= block.width.ceil() && bottom <= block.height.ceil();
                assert!(
                    is_inside,
                    "{text:?} in {size}: {left} {top} {right} {bottom}"
                );
            }
        }
    }
}

#[test]
fn a_soft_hyphen_is_seen_only_where_its_word_is_broken() {
    for font in [None, Some(HEBREW), Some(ARABIC)] {
        assert!(image(font, "\u{ad}Do\u{ad}nau\u{ad}") == image(font, "Donau"));
    }
    let wrap = |text: &str| {
        let mut style = style(None);
        style.fit = Fit::Wrap;
        TextBox::new(style)
            .unwrap()
            .render(text, (180, 400))
            .unwrap()
    };
    assert!(wrap("Donaudampf\u{ad}schiff") == wrap("Donaudampf-\nschiff"));
    assert!(wrap("Do\u{ad}nau") == wrap("Donau"));
}

/// A font file's table directory: tags, starts and ends.
fn tables(font: &[u8]) -> Vec<(usize, usize)> {
    let number = |at: usize| u32::from_be_bytes(font[at..at + 4].try_into().unwrap()) as usize;
    let count = usize::from(font[5]);
    let records = (0..count).map(|table| 12 + 16 * table);
    records
        .map(|at| (number(at + 8), number(at + 8) + number(at + 12)))
        .collect()
}

#[test]
fn a_font_that_is_cut_off_is_told_of() {
    for font in [THAI, CJK, EMOJI, ARABIC] {
        let whole = tables(font).iter().map(|table| table.1).max().unwrap();
        let mut cuts: Vec<usize> = (0..40).map(|part| whole * part / 40).collect();
        cuts.extend(
            tables(font)
                .iter()
                .flat_map(|&(start, end)| [start, end - 1]),
        );
        for cut in cuts {
            add_asset("font.ttf", &font[..cut]);
            let mut style = style(None);
            style.font = Some("font.ttf".to_owned());
            let error = TextBox::new(style).err().unwrap();
            let word = if cut < 4 {
                "is no font"
            } else {
                "is cut off: its"
            };
            assert!(
                error.starts_with("`font`: `font.ttf` ") && error.contains(word),
                "{error}"
            );
        }
        text_box(Some(&font[..whole]));
    }
}

#[test]
fn a_font_that_draws_nothing_is_told_of() {
    for (tag, word) in [
        (b"glyf", "no shapes"),
        (b"loca", "no shapes"),
        (b"cmap", "no characters"),
    ] {
        let mut font = THAI.to_vec();
        let at = font.windows(4).position(|it| it == tag).unwrap();
        font[at] = b'x';
        add_asset("font.ttf", font);
        let mut style = style(None);
        style.font = Some("font.ttf".to_owned());
        let error = TextBox::new(style).err().unwrap();
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn a_font_that_is_none_is_told_of() {
    add_asset("font.ttf", b"GIF89a");
    let mut style = style(None);
    style.font = Some("font.ttf".to_owned());
    let error = TextBox::new(style).err().unwrap();
    assert!(
        error.contains("`font`") && error.contains("font.ttf"),
        "{error}"
    );
}
