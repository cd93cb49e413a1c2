//! `kubectl quarantine release`: shows what is given back, asks, deletes, and follows until it is gone.

use super::{
    cli::{self, Waiting},
    cluster::Cluster,
    failure::Failure,
    find,
    follow::{self, End},
    say::{out, outln},
    show::{self, Paint},
    stand,
};
use quarantine_operator::api::Quarantine;
use std::io::{BufRead as _, IsTerminal as _, Write as _};

pub async fn run(cluster: &Cluster, wanted: &cli::Release) -> Result<(), Failure> {
    let claim = find::one(cluster, &wanted.name).await?.claim;
    let name = show::full_name(&claim);
    if claim.is_deleting() {
        outln!("{name} is being released already.");
    } else {
        let others = find::other_holders(cluster, &claim).await;
        out!("{}", show::given_back(&claim, &others, Paint::for_stdout()));
        if !wanted.yes {
            ask(&name)?;
        }
        cluster.delete(&claim).await?;
        outln!("The release of {name} is asked for.");
    }
    if wanted.waiting.wait {
        return until_gone(cluster, &claim, &wanted.waiting).await;
    }
    outln!("Follow it: {}", cluster.next("status", &claim));
    Ok(())
}

/// Follows a release to its end; one that waits for a person ends with the command that goes on.
pub async fn until_gone(cluster: &Cluster, claim: &Quarantine, waiting: &Waiting) -> Result<(), Failure> {
    let name = show::full_name(claim);
    match follow::until(cluster, claim, waiting, stand::release).await? {
        End::Gone | End::Reached(_) => {
            outln!("{name} is gone: every interface that it held is accounted for.");
            Ok(())
        }
        End::Stuck(now, why) => {
            let next = if stand::is_held(&now) { "approve" } else { "status" };
            Err(Failure::Refused(format!("{name} isn't released. {why}\nnext: {}", cluster.next(next, &now))))
        }
    }
}

/// Only a person at a terminal can be asked.
fn ask(name: &str) -> Result<(), Failure> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        return Err(Failure::Refused(format!(
            "{name} is not released: there is no terminal to ask at. If it is meant, say --yes"
        )));
    }
    // On standard error, so that it is seen when standard output goes into a file.
    eprint!("Release {name}? [y/N] ");
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    let read = input.lock().read_line(&mut answer);
    match (read, answer.trim().to_ascii_lowercase().as_str()) {
        (Ok(_), "y" | "yes") => Ok(()),
        _ => Err(Failure::Refused(format!("{name} is not released: nothing was changed"))),
    }
}
