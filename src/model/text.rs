//! What others wrote, fit to be shown in an event, a condition, a note or on a terminal: one line, of bounded length,
//! without characters that move or hide others. The one place that cuts and cleans text. Pure.

/// The longest note that the API server takes, in bytes (`NoteLengthLimit` of Kubernetes' validation of events).
pub const EVENT_NOTE: usize = 1_024;

/// One line that hides nothing, of whatever length.
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if moves_or_hides(c) { ' ' } else { c }).collect()
}

/// Clean, but for the ends of lines, which stay: for what is printed as a whole.
pub fn lines(text: &str) -> String {
    text.split_inclusive('\n')
        .map(|line| line.strip_suffix('\n').map_or_else(|| clean(line), |line| clean(line) + "\n"))
        .collect()
}

/// Clean, and at most `most` characters, as CRDs and Security Hub count. What is cut ends in `…`.
pub fn plain(text: &str, most: usize) -> String {
    let mut shown = clean(&text.chars().take(most).collect::<String>());
    if text.chars().nth(most).is_some() {
        shown.pop();
        shown.push('…');
    }
    shown
}

/// Clean, and at most `most` bytes, as the API server counts an event's note; so at most as many characters, too. What is
/// cut ends in `…`.
pub fn bounded(text: &str, most: usize) -> String {
    cut(&clean(text), most)
}

/// At most `most` bytes, and otherwise as it is: for what is only compared.
pub fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(most.saturating_sub('…'.len_utf8()));
    format!("{}…", &text[..end])
}

/// `1 interface`, `2 interfaces`.
pub fn count(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
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
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_others_wrote_is_one_line_that_hides_nothing() {
        assert_eq!(plain("a\r\n\tb\u{202e}c\u{200b}d\u{0}", 100), "a   b c d ");
        assert_eq!(bounded("a\u{1b}[2Jb\u{2066}", 100), "a [2Jb ");
    }

    #[test]
    fn what_is_printed_as_a_whole_keeps_its_lines() {
        assert_eq!(lines("a\u{1b}[31m\nb\u{202e}\n\nc"), "a [31m\nb \n\nc");
        assert_eq!(lines(""), "");
    }

    #[test]
    fn what_is_too_long_is_cut_at_a_character() {
        assert_eq!(plain("äöüß", 4), "äöüß");
        assert_eq!(plain("äöüßx", 4), "äöü…");
        assert_eq!(plain("", 4), "");
        assert_eq!(bounded("äöüß", 8), "äöüß");
        assert_eq!(bounded("äöüßx", 8), "äö…");
    }

    #[test]
    fn one_is_no_plural() {
        assert_eq!([count(0, "interface"), count(1, "interface")], ["0 interfaces", "1 interface"]);
    }

    proptest! {
        #[test]
        fn whatever_was_written_fits_where_it_goes_and_hides_nothing(text in "(\\PC|[\\x00-\\x1f\u{202a}-\u{202e}]){0,40}", most in 3_usize..60) {
            for shown in [plain(&text, most), bounded(&text, most)] {
                prop_assert!(shown.chars().count() <= most);
                prop_assert!(!shown.chars().any(moves_or_hides), "{shown:?}");
            }
            prop_assert!(bounded(&text, most).len() <= most);
        }
    }
}
