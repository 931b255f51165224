use super::*;

const EMOJI: &str = "NotoColorEmoji.ttf";

fn test_fonts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fonts")
}

fn fonts() -> SystemFonts {
    SystemFonts::new(vec![test_fonts()])
}

fn has(font: &[u8], c: char) -> bool {
    let face = ttf_parser::Face::parse(font, 0).unwrap();
    face.glyph_index(c).is_some()
}

#[test]
fn a_font_with_the_characters_is_the_answer() {
    let fonts = fonts();
    let font = fonts.answer("5927,95e8").unwrap();
    assert!(has(&font, '大') && has(&font, '门'));
    let font = fonts.answer("62d").unwrap();
    assert!(has(&font, 'ح'));
    // More of the one, so that font comes first; the other is asked for again.
    let font = fonts.answer("5927,95e8,62d").unwrap();
    assert!(has(&font, '大') && !has(&font, 'ح'));
    let font = fonts.answer("emoji:1f3a5").unwrap();
    assert!(
        ttf_parser::Face::parse(&font, 0)
            .unwrap()
            .tables()
            .cbdt
            .is_some()
    );
}

#[test]
fn what_no_font_has_and_what_is_no_question_is_refused() {
    let fonts = fonts();
    assert!(matches!(fonts.answer("12000"), Err(NoFont::NotThere)));
    let many = vec!["61"; 65].join(",");
    for question in [
        "",
        "../../etc/passwd",
        "NotoColorEmoji.ttf",
        "110000",
        "d800",
        "61,",
        many.as_str(),
    ] {
        let error = fonts.answer(question).unwrap_err();
        assert!(matches!(error, NoFont::Question), "{question}: {error}");
    }
    let none = SystemFonts::new(vec!["/nonexistent".into()]);
    assert!(matches!(none.answer("61"), Err(NoFont::NotThere)));
}

#[test]
fn only_fonts_are_read_whatever_is_called_one() {
    let folder = tempfile::tempdir().unwrap();
    let cut = &std::fs::read(test_fonts().join(EMOJI)).unwrap()[..200];
    std::fs::write(folder.path().join("cut.ttf"), cut).unwrap();
    let latin = include_bytes!("../../../assets/font/DejaVuSansMono.ttf");
    let cut = &latin[..latin.len() / 2];
    std::fs::write(folder.path().join("latin.ttf"), cut).unwrap();
    std::fs::write(
        folder.path().join("secret.ttf"),
        "a secret, and nothing but that",
    )
    .unwrap();
    std::fs::write(folder.path().join("none.otf"), "").unwrap();
    std::fs::create_dir(folder.path().join("folder.ttc")).unwrap();
    std::fs::write(
        folder.path().join("many.ttc"),
        b"ttcf\0\x01\0\0\xff\xff\xff\xff",
    )
    .unwrap();
    let fonts = SystemFonts::new(vec![folder.path().to_owned()]);
    for c in ["61", "73", "1f3a5"] {
        assert!(matches!(fonts.answer(c), Err(NoFont::NotThere)), "{c}");
    }
}

#[test]
fn a_face_of_a_collection_is_a_font_of_its_own() {
    // A collection of one face, made of the file's own bytes: the offsets move by the length of the
    // header.
    let single = std::fs::read(test_fonts().join("NotoSansHebrew.ttf")).unwrap();
    let mut collection = b"ttcf\0\x01\0\0\0\0\0\x01\0\0\0\x10".to_vec();
    collection.extend(&single);
    let tables = usize::from(u16::from_be_bytes([single[4], single[5]]));
    for table in 0..tables {
        let at = 16 + 12 + 16 * table + 8;
        let offset = u32::from_be_bytes(collection[at..at + 4].try_into().unwrap());
        collection[at..at + 4].copy_from_slice(&(offset + 16).to_be_bytes());
    }
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("below");
    std::fs::create_dir(&below).unwrap();
    std::fs::write(below.join("hebrew.TTC"), collection).unwrap();
    let font = SystemFonts::new(vec![folder.path().to_owned()])
        .answer("5d0")
        .err();
    assert!(matches!(font, Some(NoFont::NotThere)), "alef is not in it");
    let font = SystemFonts::new(vec![folder.path().to_owned()])
        .answer("5e9")
        .unwrap();
    assert!(has(&font, 'ש') && font.starts_with(&[0, 1, 0, 0]));
}
