//! `cargo xtask image`: the image, without a registry. The last stage of Dockerfile is built as it stands, on a root that is made
//! here (`root`) and with the binary that cargo builds here; then it is run. docs/image.md says what differs from a released one.

mod root;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use xtask::job::Cancel;
use xtask::process::spawn;
use xtask::progress::Progress;
use xtask::workspace;

use super::cargo::{build, pass_through};

const BASE: &str = "localhost/quarantine-operator-root";
const IMAGE: &str = "localhost/quarantine-operator:dev";
const ENTRY: &str = "/usr/local/bin/quarantine-operator";

/// Where everything of it lies; made anew each time.
fn folder() -> PathBuf {
    workspace::root().join("target/image")
}

pub fn image() -> Result<()> {
    require(&["buildah", "apt-get", "dpkg-deb"])?;
    let folder = folder();
    remove(&folder)?;
    let arguments = ["build", "--release", "--locked", "--bin", "quarantine-operator"];
    build("the operator, optimised", &arguments, &Progress::new(), &Cancel::default())?;
    let built = folder.join("built/src/target/release");
    fs::create_dir_all(&built)?;
    let binary = workspace::root().join("target/release/quarantine-operator");
    fs::copy(&binary, built.join("quarantine-operator")).with_context(|| format!("no {}", binary.display()))?;

    root::make(&folder.join("root"))?;
    let from_root = folder.join("Dockerfile.root");
    fs::write(&from_root, "FROM scratch\nCOPY . /\n")?;
    let mut base = bud(BASE);
    base.arg("--file").arg(&from_root).arg(folder.join("root"));
    pass_through(base)?;

    let mut image = bud(IMAGE);
    let context = format!("build={}", folder.join("built").display());
    let version = format!("VERSION={}", env!("CARGO_PKG_VERSION"));
    image.args(["--build-arg", &format!("RUNTIME={BASE}"), "--build-arg", &version, "--build-context", &context]);
    image.arg(workspace::root());
    pass_through(image)?;

    let archive = folder.join("quarantine-operator.oci.tar");
    let mut push = buildah();
    push.args(["push", "--quiet", IMAGE]).arg(format!("oci-archive:{}", archive.display()));
    pass_through(push)?;
    look(&archive, &binary)
}

/// Runs what was written, not what was built: the archive, as its user, with nothing to write on.
fn look(archive: &Path, binary: &Path) -> Result<()> {
    let container = answer(buildah().args(["from", "--quiet"]).arg(format!("oci-archive:{}", archive.display())))?;
    let inspected = answer(buildah().args([
        "inspect",
        "--format",
        "{{.OCIv1.Config.User}} {{.OCIv1.Config.Entrypoint}}",
        &container,
    ]))?;
    ensure!(
        inspected == format!("65532:65532 [{ENTRY}]"),
        "the image is to start as {ENTRY} and user 65532, not as {inspected}"
    );
    let run = |arguments: &[&str]| {
        let mut run = buildah();
        run.args(["run", "--isolation", "chroot", "--cap-drop", "all", &container, "--", ENTRY]);
        answer(run.args(arguments))
    };
    let version = run(&["--version"])?;
    let kinds = run(&["crds"])?.matches("kind: CustomResourceDefinition").count();
    ensure!(kinds == 3, "the binary in the image prints {kinds} custom resources, not 3");
    println!("{version}");
    println!("{}: {}", archive.strip_prefix(workspace::root()).unwrap_or(archive).display(), megabytes(archive)?);
    println!("of which the binary, before compression: {}", megabytes(binary)?);
    Ok(())
}

/// Images and containers of its own, so that nothing of the person's is touched.
fn buildah() -> Command {
    let mut buildah = Command::new("buildah");
    let folder = folder();
    buildah.current_dir(workspace::root()).args(["--storage-driver", "vfs", "--root"]).arg(folder.join("storage"));
    buildah.arg("--runroot").arg(folder.join("run"));
    buildah
}

fn bud(tag: &str) -> Command {
    let mut bud = buildah();
    // The same sources then give the same digest.
    bud.args(["build", "--quiet", "--isolation", "chroot", "--timestamp", "0", "--tag", tag]);
    bud
}

fn answer(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {:?}", command.get_program()))?;
    ensure!(output.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn megabytes(file: &Path) -> Result<String> {
    Ok(format!("{:.1} MB", fs::metadata(file)?.len() as f64 / 1e6))
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(fs::create_dir_all(folder)?)
}

/// Names all that is missing at once.
fn require(programs: &[&str]) -> Result<()> {
    let missing: Vec<&str> = programs
        .iter()
        .copied()
        .filter(|program| {
            let mut asked = Command::new(program);
            asked.arg("--version").stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
            !spawn(asked).and_then(|mut child| Ok(child.wait()?)).is_ok_and(|status| status.success())
        })
        .collect();
    if !missing.is_empty() {
        bail!("{} must be installed first (Debian and Ubuntu: apt install buildah)", missing.join(", "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str) -> String {
        fs::read_to_string(workspace::root().join(name)).unwrap()
    }

    #[test]
    fn both_bases_are_pinned_by_digest_and_the_builder_has_the_compiler_that_the_toolchain_file_names() {
        let (dockerfile, toolchain) = (read("Dockerfile"), read("rust-toolchain.toml"));
        let bases: Vec<&str> = dockerfile
            .lines()
            .filter_map(|line| line.strip_prefix("ARG ")?.split_once('='))
            .map(|(_, base)| base)
            .filter(|base| base.contains('/'))
            .collect();
        assert_eq!(bases.len(), 2, "{bases:?}");
        for base in &bases {
            let (_, digest) = base.split_once("@sha256:").unwrap_or_else(|| panic!("{base} is pinned by digest"));
            assert!(digest.len() == 64 && digest.chars().all(|digit| digit.is_ascii_hexdigit()), "{base}");
        }
        let channel = toolchain.lines().find_map(|line| line.strip_prefix("channel = ")).unwrap().trim_matches('"');
        assert!(bases[0].contains(&format!("rust:{channel}-")), "{} builds with {channel}", bases[0]);
    }

    #[test]
    fn the_image_runs_as_a_user_by_number_who_is_not_root() {
        let user = read("Dockerfile")
            .lines()
            .filter_map(|line| line.strip_prefix("USER ").map(str::to_owned))
            .next_back()
            .unwrap();
        assert!(user.split(':').all(|id| id.parse::<u32>().is_ok_and(|id| id > 0)), "{user}");
    }
}
