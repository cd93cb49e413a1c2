//! What others wrote, fit to be shown in an event, a condition or a reason: one line, of bounded length, without
//! characters that move or hide others. Pure.

/// At most `most` characters. What is cut ends in `…`.
pub fn plain(text: &str, most: usize) -> String {
    let mut shown: String = text.chars().take(most).map(|c| if moves_or_hides(c) { ' ' } else { c }).collect();
    if text.chars().nth(most).is_some() {
        shown.pop();
        shown.push('…');
    }
    shown
}

/// Control characters, line and paragraph separators, invisible characters and those that turn the direction: a finding
/// could otherwise show itself as something else ("Unicode Bidirectional Algorithm", Unicode Standard Annex 9).
fn moves_or_hides(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn what_others_wrote_is_one_line_that_hides_nothing() {
        assert_eq!(plain("a\r\n\tb\u{202e}c\u{200b}d\u{0}", 100), "a   b c d ");
    }

    #[test]
    fn what_is_too_long_is_cut_at_a_character() {
        assert_eq!(plain("äöüß", 4), "äöüß");
        assert_eq!(plain("äöüßx", 4), "äöü…");
        assert_eq!(plain("", 4), "");
    }
}
