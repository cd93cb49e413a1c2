//! What was asked, what came of it, and how that is shown. Pure.

use crate::{
    check::report::Outcome,
    model::problem::{Disposition, Problem},
};
use serde::Serialize;
use std::fmt;

/// What came of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum State {
    /// It is there.
    Ok,
    /// It isn't, or isn't as it has to be.
    Missing,
    /// Whoever was asked didn't say.
    NoAnswer,
    /// It follows from something else that is missing, or can't be asked without changing something.
    NotAsked,
}

/// One question with its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// What was asked about, in a few words.
    pub what: String,
    pub state: State,
    /// Sentences: what is so and, where something is missing, what to do.
    pub message: String,
}

impl Answer {
    pub fn new(state: State, what: impl Into<String>, message: impl Into<String>) -> Self {
        Self { what: what.into(), state, message: message.into() }
    }

    pub fn ok(what: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(State::Ok, what, message)
    }

    pub fn missing(what: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(State::Missing, what, message)
    }

    pub fn no_answer(what: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(State::NoAnswer, what, message)
    }

    pub fn not_asked(what: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(State::NotAsked, what, message)
    }

    /// Where AWS refused: what passes by itself is no answer, the rest is missing.
    pub fn refused(what: impl Into<String>, problem: &Problem) -> Self {
        let state = match problem.disposition {
            Disposition::Retry => State::NoAnswer,
            Disposition::Wait | Disposition::Stop => State::Missing,
        };
        Self::new(state, what, problem.message.clone())
    }
}

/// The answers about one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Section {
    pub about: String,
    pub answers: Vec<Answer>,
}

impl Section {
    pub fn new(about: impl Into<String>) -> Self {
        Self { about: about.into(), answers: Vec::new() }
    }

    pub fn add(&mut self, answer: Answer) {
        self.answers.push(answer);
    }
}

/// Everything that was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Needs {
    pub sections: Vec<Section>,
}

impl Needs {
    /// Incomplete wins over what is missing, as in [`crate::check::report`].
    pub fn outcome(&self) -> Outcome {
        match (self.count(State::NoAnswer), self.count(State::Missing)) {
            (0, 0) => Outcome::Clean,
            (0, _) => Outcome::Found,
            _ => Outcome::Incomplete,
        }
    }

    fn count(&self, state: State) -> usize {
        self.sections.iter().flat_map(|section| &section.answers).filter(|answer| answer.state == state).count()
    }

    /// For programs: the sections, and how many answers there are of each state that counts.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "missing": self.count(State::Missing),
            "noAnswer": self.count(State::NoAnswer),
            "sections": self.sections,
        })
    }
}

impl fmt::Display for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Section { about, answers } in &self.sections {
            writeln!(f, "{about}")?;
            for Answer { what, state, message } in answers {
                let mark = match state {
                    State::Ok => "ok",
                    State::Missing => "MISSING",
                    State::NoAnswer => "NO ANSWER",
                    State::NotAsked => "not asked",
                };
                writeln!(f, "  {mark:<9}  {what}: {message}")?;
            }
        }
        match (self.count(State::Missing), self.count(State::NoAnswer)) {
            (0, 0) => writeln!(f, "Nothing is missing."),
            (missing, 0) => writeln!(f, "Missing: {missing}."),
            (missing, unanswered) => writeln!(f, "Missing: {missing}. Without an answer: {unanswered}."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Reason;

    fn needs(answers: Vec<Answer>) -> Needs {
        Needs { sections: vec![Section { about: "Kubernetes".to_owned(), answers }] }
    }

    #[test]
    fn what_got_no_answer_counts_more_than_what_is_missing_and_what_was_not_asked_counts_nothing() {
        let (missing, silent) = (Answer::missing("a", "A."), Answer::no_answer("b", "B."));
        let other = [Answer::ok("c", "C."), Answer::not_asked("d", "D.")];
        assert_eq!(needs(other.to_vec()).outcome(), Outcome::Clean);
        assert_eq!(needs(vec![missing.clone(), other[1].clone()]).outcome(), Outcome::Found);
        assert_eq!(needs(vec![missing, silent]).outcome(), Outcome::Incomplete);
    }

    #[test]
    fn a_refusal_that_passes_by_itself_is_no_answer_and_any_other_one_something_missing() {
        let state = |disposition| Answer::refused("x", &Problem::new(disposition, Reason::AwsRefused, "No.")).state;
        assert_eq!(state(Disposition::Retry), State::NoAnswer);
        assert_eq!(state(Disposition::Wait), State::Missing);
        assert_eq!(state(Disposition::Stop), State::Missing);
    }

    #[test]
    fn a_person_reads_marks_and_a_program_states() {
        let all = needs(vec![Answer::ok("API server", "v1.37.2."), Answer::missing("clock", "It is off.")]);
        let shown = "Kubernetes\n  ok         API server: v1.37.2.\n  MISSING    clock: It is off.\nMissing: 1.\n";
        assert_eq!(all.to_string(), shown);
        let json = all.to_json();
        assert_eq!((&json["missing"], &json["noAnswer"]), (&1.into(), &0.into()));
        assert_eq!(json["sections"][0]["answers"][1]["state"], "Missing");
    }
}
