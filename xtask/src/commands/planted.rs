//! `cargo xtask planted`: proves that the model finds bugs. Each bug is planted in a copy of `crates/core`, and the model is run on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use xtask::process::spawn;
use xtask::workspace;

use super::cargo::cargo;

/// The page whose last part is the table.
const PAGE: &str = "docs/model.md";
const TABLE: &str = "<!-- `cargo xtask planted` writes what follows -->\n";

/// A bug: what is written instead of what stands there, and the bounds in which it shows.
struct Bug {
    name: &'static str,
    file: &'static str,
    stands: &'static str,
    planted: &'static str,
    /// The test that finds it.
    from: &'static str,
    /// Faults and acts of people.
    bounds: (u8, u8),
}

const NOTHING: &str = "every_state_from_nothing_keeps_the_rules";
const TWO_HOLD: &str = "every_state_keeps_the_rules_from_where_two_hold";

const BUGS: [Bug; 13] = [
    Bug {
        name: "no live read before the first record",
        file: "src/decide.rs",
        stands: "if !found && !world.live {",
        planted: "if false {",
        from: NOTHING,
        bounds: (0, 1),
    },
    Bug {
        name: "a read that misses an interface counts as its end",
        file: "src/interface.rs",
        stands: "Some((_, Outcome::NotFound)) => return Move::rest(record, State::Gone, Requeue::Never),",
        planted: "None if since(missing_since, now) >= UNSETTLED => return Move::rest(record, State::Gone, Requeue::Never),",
        from: NOTHING,
        bounds: (1, 2),
    },
    Bug {
        name: "leaving beside a lost holder",
        file: "src/holders.rs",
        stands: "Standing::Wants | Standing::Suspended | Standing::Asks(_))\n",
        planted: "Standing::Wants | Standing::Suspended | Standing::Asks(_) | Standing::Lost)\n",
        from: TWO_HOLD,
        bounds: (0, 3),
    },
    Bug {
        name: "consent from the cache",
        file: "src/decide.rs",
        stands: "Situation::Released { .. } | Situation::Retained { .. } if !world.live => return Err(NeedsLive),",
        planted: "Situation::Retained { .. } if !world.live => return Err(NeedsLive),",
        from: NOTHING,
        bounds: (0, 2),
    },
    Bug {
        name: "any approval counts for every reason",
        file: "src/holders.rs",
        stands: "own_reasons(holder, quarantine).difference(&quarantine.approved).copied().collect();",
        planted: "own_reasons(holder, quarantine).into_iter().filter(|_| quarantine.approved.is_empty()).collect();",
        from: NOTHING,
        bounds: (0, 3),
    },
    Bug {
        name: "a restore is not noted as an attempt",
        file: "src/interface.rs",
        stands: "    record.unanswered.push(attempt);",
        planted: "    if kind == AttemptKind::Swap { record.unanswered.push(attempt); }",
        from: NOTHING,
        bounds: (0, 2),
    },
    Bug {
        name: "the finalizer goes before the release",
        file: "src/machine/quarantine.rs",
        stands: "    if containment.status.released.contains(&holder.uid) {",
        planted: "    if !containment.status.records.is_empty() {",
        from: NOTHING,
        bounds: (0, 2),
    },
    Bug {
        name: "act before record",
        file: "src/machine/containment.rs",
        stands: "let (version, decision) = (self.containment.version.clone(), Box::new(decision));",
        planted: "if !decision.calls.is_empty() { return Box::new(self).act(now, decision); }\n                let (version, decision) = (self.containment.version.clone(), Box::new(decision));",
        from: NOTHING,
        bounds: (0, 1),
    },
    Bug {
        name: "the isolation group becomes an original",
        file: "src/interface.rs",
        stands: "_ => ((!isolated).then(|| seen.groups.clone()), Source::Interface),",
        planted: "_ => (Some(seen.groups.clone()), Source::Interface),",
        from: NOTHING,
        bounds: (0, 3),
    },
    Bug {
        name: "the first read after a swap is believed",
        file: "src/interface.rs",
        stands: "let settled = acknowledged || unsettled.is_none() || record.state == State::Lingering;",
        planted: "let settled = true;",
        from: NOTHING,
        bounds: (1, 2),
    },
    Bug {
        name: "what was given back is not watched for late calls",
        file: "src/interface.rs",
        stands: "Some(rest) => Move::rest(record, State::Lingering, Requeue::After(rest)),",
        planted: "Some(_) => Move::rest(record, state, Requeue::Never),",
        from: NOTHING,
        bounds: (1, 2),
    },
    Bug {
        name: "Contained is True while a restore may still arrive",
        file: "src/object.rs",
        stands: "&& self.unanswered.iter().all(|attempt| attempt.kind != AttemptKind::Restore)",
        planted: "",
        from: TWO_HOLD,
        bounds: (1, 3),
    },
    Bug {
        name: "who was released is asked again",
        file: "src/holders.rs",
        stands: "    if containment.status.released.contains(&holder.uid) {",
        planted: "    if containment.status.released.contains(&holder.uid) && *presence == Presence::NotFound {",
        from: NOTHING,
        bounds: (0, 3),
    },
];

/// Plants each bug in turn and writes which rule caught it, and how short the way to it is.
pub fn planted() -> Result<()> {
    let page = workspace::root().join(PAGE);
    let text = fs::read_to_string(&page).with_context(|| format!("cannot read {}", page.display()))?;
    let Some((head, _)) = text.split_once(TABLE) else { bail!("{PAGE} has lost the line {TABLE}") };
    let mut rows = String::from("\n| planted bug | found by | steps | faults, acts |\n|---|---|---|---|\n");
    let mut missed = Vec::new();
    for bug in &BUGS {
        let began = Instant::now();
        let (rule, steps) = match find(bug)? {
            Some((rule, steps)) => (rule, steps.to_string()),
            None => {
                missed.push(bug.name);
                ("**nothing**".to_owned(), "-".to_owned())
            }
        };
        eprintln!("{}: {rule} ({:.0} s)", bug.name, began.elapsed().as_secs_f32());
        rows.push_str(&format!("| {} | {rule} | {steps} | {}, {} |\n", bug.name, bug.bounds.0, bug.bounds.1));
    }
    fs::write(&page, format!("{head}{TABLE}{rows}")).with_context(|| format!("cannot write {}", page.display()))?;
    ensure!(missed.is_empty(), "the model doesn't find: {}", missed.join("; "));
    Ok(())
}

/// The rule that caught the bug, and the number of steps on the way to it.
fn find(bug: &Bug) -> Result<Option<(String, usize)>> {
    let folder = workspace::target_dir().join("planted");
    plant(bug, &folder)?;
    let mut test = cargo(&["test", "--quiet", "--offline", "--test", "model", bug.from, "--", "--exact"]);
    test.current_dir(&folder).env("CARGO_TARGET_DIR", workspace::target_dir().join("planted-target"));
    test.env("MODEL_FAULTS", bug.bounds.0.to_string()).env("MODEL_ACTS", bug.bounds.1.to_string());
    test.env("RUST_BACKTRACE", "0").stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = spawn(test)?.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(
        said.contains("test result:"),
        "{} doesn't compile:\n{}",
        bug.name,
        String::from_utf8_lossy(&output.stderr)
    );
    let Some((before, after)) = said.split_once(" after:\n") else { return Ok(None) };
    let rule = before.lines().next_back().unwrap_or_default();
    let rule = rule.split(": Some(").next().unwrap_or(rule).split(": Containment {").next().unwrap_or(rule);
    let steps =
        after.lines().take_while(|line| line.contains('(') || line.ends_with("Pass") || line.ends_with("Passes"));
    Ok(Some((rule.to_owned(), steps.count())))
}

/// A workspace of its own with the crate in it, and the bug in that.
fn plant(bug: &Bug, folder: &Path) -> Result<()> {
    let crate_folder = workspace::root().join("crates/core");
    let copy = folder.join("crates/core");
    if copy.exists() {
        fs::remove_dir_all(&copy)?;
    }
    for file in files(&crate_folder)? {
        let to = copy.join(file.strip_prefix(&crate_folder)?);
        fs::create_dir_all(to.parent().unwrap_or(&copy))?;
        fs::copy(&file, &to)?;
    }
    fs::write(folder.join("Cargo.toml"), workspace_manifest()?)?;
    fs::copy(workspace::root().join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let file = copy.join(bug.file);
    let text = fs::read_to_string(&file)?;
    ensure!(text.matches(bug.stands).count() == 1, "{}: {} has no line `{}` any more", bug.name, bug.file, bug.stands);
    fs::write(&file, text.replace(bug.stands, bug.planted))?;
    Ok(())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    Ok(found)
}

/// What the crate inherits from the repository's manifest.
fn workspace_manifest() -> Result<String> {
    let manifest = fs::read_to_string(workspace::root().join("Cargo.toml"))?;
    let sections = manifest.split("\n[").filter(|section| {
        section.starts_with("workspace.") || section.starts_with("profile.dev.package.quarantine-core")
    });
    let inherited: Vec<String> = sections.map(|section| format!("[{section}\n")).collect();
    Ok(format!("[workspace]\nmembers = [\"crates/core\"]\nresolver = \"3\"\n\n{}", inherited.concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bug_has_exactly_one_place_where_it_is_planted() {
        for bug in &BUGS {
            let text = fs::read_to_string(workspace::root().join("crates/core").join(bug.file)).expect(bug.file);
            assert_eq!(text.matches(bug.stands).count(), 1, "{}: `{}` in {}", bug.name, bug.stands, bug.file);
        }
    }
}
