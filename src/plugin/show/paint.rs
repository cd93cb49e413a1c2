//! Colour, where a person sees it.

use std::io::IsTerminal as _;

/// Whether text is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    Plain,
    Coloured,
}

/// How something stands, in colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Good,
    Busy,
    Bad,
    Faint,
    Strong,
}

impl Paint {
    /// Only on a terminal, and not where NO_COLOR is set to anything (no-color.org), nor on one that can't.
    pub fn for_stdout() -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let can = std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        if std::io::stdout().is_terminal() && can && !set("NO_COLOR") { Self::Coloured } else { Self::Plain }
    }

    pub fn with(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Busy => "33",
            Tone::Bad => "31",
            Tone::Faint => "2",
            Tone::Strong => "1",
        };
        match self {
            Self::Plain => text.to_owned(),
            Self::Coloured => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}
